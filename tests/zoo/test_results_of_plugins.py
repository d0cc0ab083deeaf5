"""What a plugin's functions return: junk costs only the plugin, in one line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import ganzoo
from ganzoo import hookimpl
from ganzoo.data import points
from ganzoo.data.dataset import Dataset
from ganzoo.data.samples import Measured, Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation.scoring import score
from ganzoo.modalities import Modality
from ganzoo.recipes import Data, DataSpec, RunOptions
from ganzoo.specs import DatasetSpec, LossSpec, MetricSpec, PenaltySpec
from ganzoo.zoo.datasets import load_data
from ganzoo.zoo.zoo import current_zoo, register


def samples() -> Samples:
    data = Data(name="points", kind="ring")
    spec = points.load(data, Path(), "train").spec
    fake = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    return Samples(
        fake, None, spec, data, Path(), 0, lambda split: points.load(data, Path(), split), Modality("points")
    )


def metric(name: str, compute: Callable[[Samples], Any]) -> MetricSpec:
    return MetricSpec(name, "A metric.", "None.", ("points",), compute)


GOOD = metric("good", lambda found: {"good": float(found.fake.sum())})


def with_protocol(**protocol: Any) -> Measured:
    measured = Measured({"x": 1.0})
    measured.protocol = protocol
    return measured


def loop() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def exits() -> Any:
    raise SystemExit(3)


JUNK: dict[str, tuple[Callable[[], Any], str]] = {
    "none": (lambda: None, "it returned nothing"),
    "text": (lambda: "0.5", "it returned str"),
    "tensor": (lambda: torch.ones(2), "it returned Tensor"),
    "number": (lambda: 0.5, "it returned float"),
    "huge": (lambda: {"x": 10**400}, "for x"),
    "bool": (lambda: {"x": True}, "True for x"),
    "text-value": (lambda: {"x": "0.5"}, "'0.5' for x"),
    "nested": (lambda: {"x": {"y": 1.0}}, "for x"),
    "vector": (lambda: {"x": torch.ones(2)}, "for x"),
    "complex": (lambda: {"x": 1j}, "1j for x"),
    "number-name": (lambda: {5: 1.0}, "the name 5"),
    "empty-name": (lambda: {"": 1.0}, "the name ''"),
    "control-name": (lambda: {"a\x1b[31m": 1.0}, "the name 'a\\x1b[31m'"),
    "nan": (lambda: {"x": float("nan")}, "x: no value, as the result is not a finite number."),
    "protocol-tensor": (lambda: with_protocol(n=torch.ones(2)), "cannot be written to JSON: protocol.n"),
    "protocol-nan": (lambda: with_protocol(n=float("nan")), "cannot be written to JSON: protocol.n"),
    "protocol-loop": (lambda: with_protocol(n=loop()), "too many levels"),
    "protocol-set": (lambda: with_protocol(n={1}), "cannot be written to JSON: protocol.n"),
    "protocol-name": (lambda: with_protocol(name="mine"), "the key 'name'"),
    "protocol-seed": (lambda: with_protocol(seed=1), "the key 'seed'"),
    "exit": (exits, "failed with SystemExit: 3"),
}


@pytest.mark.parametrize("name", JUNK)
def test_a_metric_that_returns_junk_gets_one_note_and_the_others_their_scores(name: str) -> None:
    make, part = JUNK[name]
    result = score(samples(), [metric("junk", lambda found: make()), GOOD])
    assert [item.name for item in result.scores] == ["good"]
    (note,) = [line for line in result.notes if "no scores of real" not in line]
    assert part in note
    assert note.isprintable()
    assert json.loads(result.to_json())["notes"] == result.notes


def test_scalars_of_arrays_and_tensors_are_numbers() -> None:
    given = {
        "tensor": torch.tensor(0.5),
        "float32": np.float32(0.5),
        "array": np.array(0.5),
        "int": np.int64(1),
        "decimal": Decimal("0.5"),
    }
    result = score(samples(), [metric("m", lambda found: Measured(given, n=np.int64(7)))], with_real=False)
    assert {item.name: item.value for item in result.scores} == dict.fromkeys(given, 0.5) | {"int": 1.0}
    assert all(item.protocol["n"] == 7 for item in result.scores)
    assert result.to_json()


def test_one_bad_value_costs_no_other_of_the_metric() -> None:
    result = score(samples(), [metric("m", lambda found: {"a": 1.0, "b": None})], with_real=False)
    assert [item.name for item in result.scores] == ["a"]
    assert len(result.notes) == 1


def test_a_metric_that_changes_the_samples_has_no_scores_and_the_next_gets_them_as_they_were() -> None:
    def spoil(found: Samples) -> dict[str, float]:
        found.fake.numpy()[:] = 0
        return {"spoilt": 1.0}

    given = samples()
    before = given.fake.clone()
    result = score(given, [metric("spoil", spoil), GOOD], with_real=False)
    assert [item.name for item in result.scores] == ["good"]
    assert result.scores[0].value == pytest.approx(float(before.sum()))
    assert torch.equal(given.fake, before)


@pytest.fixture
def add() -> Iterator[Callable[..., None]]:
    """Registers a plugin for one test."""
    zoo = current_zoo()
    tables = {kind: (dict(table._specs), dict(table._sources)) for kind, table in zoo.tables.items()}
    plugins = list(zoo.plugins)

    class Module(SimpleNamespace):
        __hash__ = object.__hash__

    def do(kind: str, spec: Any) -> None:
        def hook() -> Any:
            return [spec]

        hook.__name__ = f"ganzoo_{kind}"
        register(Module(**{f"ganzoo_{kind}": hookimpl(hook)}), f"junk-{spec.name}")

    yield do
    for plugin in zoo.plugins[len(plugins) :]:
        zoo.manager.unregister(plugin.module)
    zoo.plugins[:] = plugins
    for kind, (specs, sources) in tables.items():
        zoo.tables[kind]._specs, zoo.tables[kind]._sources = specs, sources


def spec(**changes: Any) -> DataSpec:
    return dataclasses.replace(DataSpec("mine", "points", (2,), range=None), **changes)


def labelled(x: Any, y: Any, classes: int) -> Dataset:
    return Dataset({"x": x, "y": y}, spec(classes=classes))


DATASETS: dict[str, tuple[Callable[[], Any], str]] = {
    "nothing": (lambda: None, "must return a ganzoo.data.dataset.Dataset, not nothing"),
    "exit": (exits, "failed: SystemExit: 3"),
    "float64": (lambda: Dataset({"x": torch.zeros(9, 2).double()}, spec()), "'x' is torch.float64"),
    "shape": (lambda: Dataset({"x": torch.zeros(9, 3)}, spec()), "of the shape (3,), not (2,)"),
    "empty": (lambda: Dataset({"x": torch.zeros(0, 2)}, spec()), "it has no samples"),
    "nan": (lambda: Dataset({"x": torch.full((9, 2), float("nan"))}, spec()), "not finite"),
    "no-labels": (lambda: Dataset({"x": torch.zeros(9, 2)}, spec(classes=2)), "no labels 'y' for its 2 classes"),
    "labels": (lambda: labelled(torch.zeros(9, 2), torch.arange(9), 2), "not class numbers from 0 to 1"),
    "no-spec": (lambda: Dataset({"x": torch.zeros(9, 2)}, None), "its spec is nothing"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_that_is_not_what_it_says_is_refused_in_one_line(name: str, add: Callable[..., None]) -> None:
    make, part = DATASETS[name]
    add("datasets", DatasetSpec("mine", "", "", "points", lambda data, root, split: make()))
    with pytest.raises(GanzooError) as caught:
        load_data(Data(name="mine"), RunOptions())
    assert part in str(caught.value)
    assert "'mine'" in str(caught.value)
    assert str(caught.value).isprintable()


class Loss:
    paired = False

    def discriminator(self, real: Any, fake: Any) -> Any:
        return None

    def generator(self, fake: Any, real: Any) -> Any:
        return None


def test_a_loss_that_is_none_or_fails_or_returns_nothing_is_one_line(add: Callable[..., None], tmp_path: Path) -> None:
    for name, build, part in (
        ("no-loss", lambda: None, "build of the loss 'no-loss' of plugin .* must return an object with"),
        ("exits", exits, "the loss 'exits' of plugin .* failed: SystemExit: 3"),
        ("returns-none", Loss, "the term 'loss' of the phase 'd' must be a scalar tensor, not nothing"),
    ):
        add("losses", LossSpec(name, "", "", build))  # type: ignore[arg-type]
        with pytest.raises(GanzooError, match=part):
            ganzoo.train("vanilla.points", steps=1, set={"loss": name}, out=str(tmp_path / name), progress=False)


def test_a_penalty_that_returns_nothing_is_one_line(add: Callable[..., None], tmp_path: Path) -> None:
    add("penalties", PenaltySpec("hollow", "", "", lambda: lambda critic, real, fake: None))  # type: ignore[arg-type,return-value]
    with pytest.raises(GanzooError, match="the penalty 'hollow' must return a scalar tensor, not nothing"):
        ganzoo.train("vanilla.points", steps=1, set={"penalties": "hollow"}, out=str(tmp_path / "r"), progress=False)
