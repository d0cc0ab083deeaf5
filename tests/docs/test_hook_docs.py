"""docs/hooks: each example is registered in a fresh zoo and used through the commands on its page."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from doc_examples import FAST, add, room_for_examples
from kinds import IMAGES
from paths import ROOT

import ganzoo
from ganzoo import callbacks, cli, hookspecs, testing
from ganzoo.zoo import registry
from ganzoo.zoo.zoo import Zoo

PAGES = ROOT / "docs" / "hooks"
HOOKS = [name for name in vars(hookspecs) if name.startswith("ganzoo_")]


def page(hook: str) -> str:
    return (PAGES / f"{hook.removeprefix('ganzoo_')}.md").read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("protocol", [callbacks.Training, callbacks.RunFolder])
def test_all_that_a_callback_may_use_is_on_its_page(protocol: type) -> None:
    (table,) = [t for t in page("ganzoo_callbacks").split("\n\n") if t.startswith(f"| `{protocol.__name__}`")]
    methods = {f"{name}()" for name in vars(protocol) if inspect.isfunction(vars(protocol)[name]) and name[0] != "_"}
    assert set(re.findall(r"^\| `(\S+)` \|", table, re.MULTILINE)) == methods | set(protocol.__annotations__)


@pytest.fixture
def zoo() -> Iterator[Zoo]:
    with room_for_examples() as made:
        yield made


def add_page(zoo: Zoo, hook: str) -> list[ModuleType]:
    examples = blocks(page(hook), "python")
    assert examples
    return [add(zoo, code, f"{hook}_{number}") for number, code in enumerate(examples)]


def commands(text: str) -> Iterator[list[str]]:
    for block in blocks(text, "bash"):
        for line in block.splitlines():
            words = shlex.split(line)
            assert words[0] == "ganzoo"
            yield words[1:]


@pytest.mark.parametrize("hook", HOOKS)
def test_the_examples_of_a_page_implement_its_hook_and_its_commands_work(
    hook: str, zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in add_page(zoo, hook):
        assert hasattr(module, hook)
    monkeypatch.chdir(tmp_path)
    if hook == "ganzoo_commands":
        assert cli.run(["train", "vanilla", *FAST]) == 0
    for words in commands(page(hook)):
        code = cli.run([*words, *(FAST if words[0] == "train" else [])])
        assert code == 0, f"{shlex.join(words)}: {capsys.readouterr().err}"


CHECKS: dict[str, Callable[[Any], None]] = {
    "variants": testing.check_variant,
    "losses": testing.check_loss,
    "penalties": testing.check_penalty,
    "datasets": testing.check_dataset,
    "metrics": testing.check_metric,
    "modalities": testing.check_modality,
}


@pytest.mark.parametrize("kind", CHECKS)
def test_the_examples_keep_the_contract(kind: str, zoo: Zoo) -> None:
    before = set(zoo.tables[kind])
    add_page(zoo, f"ganzoo_{kind}")
    new = set(zoo.tables[kind]) - before
    assert new
    for name in new:
        CHECKS[kind](zoo.tables[kind][name])


def test_the_example_loss_takes_its_option(zoo: Zoo) -> None:
    add_page(zoo, "ganzoo_losses")
    spec = registry.losses()["margin"]
    zeros = torch.zeros(3)
    assert spec.build().discriminator(zeros, zeros).item() == spec.options[0].default
    assert spec.build(margin=0.25).discriminator(zeros, zeros).item() == 0.25


def test_the_example_penalty_is_0_where_logits_are(zoo: Zoo) -> None:
    add_page(zoo, "ganzoo_penalties")
    penalty: Callable[..., torch.Tensor] = registry.penalties()["drift"].build()
    x = torch.ones(3, 2)
    assert penalty(lambda x: x.sum(1), x, x).item() == 4
    assert penalty(lambda x: 0 * x.sum(1), x, x).item() == 0


def test_the_example_data_set_is_as_it_says(zoo: Zoo, tmp_path: Path) -> None:
    add_page(zoo, "ganzoo_datasets")
    spec = registry.datasets()["stripes"]
    data = ganzoo.recipes.Data(name="stripes")
    train, test = spec.load(data, tmp_path, "train"), spec.load(data, tmp_path, "test")
    assert (len(train), len(test)) == (2000, 500)
    assert train.spec.shape == (1, 8, 16)
    batch = train.batch(torch.tensor([0, 1]))
    assert batch["y"].tolist() == [0, 1]
    level, upright = batch["x"][:, 0]
    assert (level == level[:, :1]).all()
    assert (upright == upright[:1]).all()
    assert not torch.equal(train.batch(torch.arange(50))["x"], test.batch(torch.arange(50))["x"])


def test_the_example_metric_is_better_for_real_samples(zoo: Zoo, tmp_path: Path) -> None:
    add_page(zoo, "ganzoo_metrics")
    data = testing.example_data("image", (1, 8, 8))
    from ganzoo.data.samples import Samples
    from ganzoo.evaluation.scoring import score

    black = torch.zeros(20, 1, 8, 8, dtype=torch.uint8)
    samples = Samples(black, None, data.spec, ganzoo.recipes.Data(), tmp_path, 0, lambda split: data, IMAGES)
    (found,) = score(samples, registry.metrics().values(), ["mean-gap"]).scores
    assert found.better == "lower"
    assert found.real is not None
    assert found.value > found.real
    assert found.protocol["n_real"] == 20


def test_the_example_callback_writes_when_the_discriminator_wins(zoo: Zoo, tmp_path: Path) -> None:
    add_page(zoo, "ganzoo_callbacks")
    run: Any = type("Run", (), {"path": tmp_path})()
    (alarm,) = zoo.callbacks(registry.variants()["vanilla"], ganzoo.recipes.Recipe(), run)
    trainer: Any = type("Trainer", (), {"progress": type("Progress", (), {"step": 7})()})()
    alarm.on_start(trainer)
    alarm.on_log(trainer, {"d/loss": 0.5})
    assert (tmp_path / "alarms.txt").read_text() == ""
    alarm.on_log(trainer, {"d/loss": 0.001})
    assert (tmp_path / "alarms.txt").read_text() == "vanilla, step 7: the discriminator has won\n"


def test_the_example_command_prints_terms(
    zoo: Zoo, tmp_path: Path, digits_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_page(zoo, "ganzoo_commands")
    assert cli.run(["terms", str(digits_run)]) == 0
    assert "d/loss " in capsys.readouterr().out


# The check that `python docs/check.py` makes.


@pytest.fixture(scope="module")
def docs_check() -> Iterator[ModuleType]:
    """docs/check.py as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PAGES.parent))
        yield importlib.import_module("check")


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_argument_and_returned_field_is_documented(hook: str, docs_check: ModuleType) -> None:
    assert list(docs_check.check_hook(hook)) == []


def test_a_hook_argument_or_field_that_is_not_documented_is_named(
    docs_check: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ganzoo_callbacks(variant: Any, recipe: Any, run: Any, colour: Any) -> Iterable[Callback]: ...  # noqa: F821

    def ganzoo_sounds() -> None: ...

    @dataclasses.dataclass
    class Spec:
        summary: str
        loudness: float

    monkeypatch.setattr(hookspecs, "ganzoo_callbacks", ganzoo_callbacks)
    monkeypatch.setattr(hookspecs, "ganzoo_sounds", ganzoo_sounds, raising=False)
    monkeypatch.setitem(docs_check.RETURNED, "ganzoo_losses", (Spec,))
    assert list(docs_check.check_hook("ganzoo_callbacks")) == [
        "docs/hooks/callbacks.md: should show 'ganzoo_callbacks(variant, recipe, run, colour) -> Iterable[Callback]'",
        "docs/hooks/callbacks.md: no table has a row for the argument 'colour'",
    ]
    assert list(docs_check.check_hook("ganzoo_sounds")) == ["docs/hooks/sounds.md: the hook ganzoo_sounds has no page"]
    assert list(docs_check.check_hook("ganzoo_losses")) == [
        "docs/hooks/losses.md: no table has a row for 'loudness' of Spec"
    ]
