"""`ganzoo plugins`, GANZOO_PLUGINS and --no-plugins; runs whose plugins are missing or differ in version; callbacks."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from environments import installed, run
from small import SET, train_digits
from small_plugins import LOSS

from ganzoo import cli, hookimpl
from ganzoo.callbacks import Callback
from ganzoo.errors import GanzooError
from ganzoo.zoo import provenance
from ganzoo.zoo.isolated import IsolatedCallback
from ganzoo.zoo.loading import Plugin
from ganzoo.zoo.zoo import Zoo, version

TRAIN = ["train", "vanilla", *SET, "--steps", "2", "--no-scores", "--device", "cpu"]


def test_every_bundled_plugin_is_listed_with_what_it_adds(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["plugins", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["dcgan"]["adds"] == {"variants": ["dcgan"]}
    assert "hinge" in rows["builtins"]["adds"]["losses"]
    assert all(row["package"] and row["version"] and row["ms"] >= 0 for row in rows.values())


# Choosing plugins.


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    loss = LOSS
    folder = installed(tmp_path_factory.mktemp("some"), "gan-two", {"a": loss.format("a"), "b": loss.format("b")})
    return installed(folder, "gan-bad", {"bad": "raise ValueError\n"})


@pytest.mark.parametrize(
    ("chosen", "variants", "losses"),
    [
        ("a", [], ["a-loss"]),
        (" a , dcgan ", ["dcgan"], ["a-loss"]),
        ("gan-two", [], ["a-loss", "b-loss"]),
        (
            "ganzoo",
            [
                "3dgan",
                "acgan",
                "began",
                "bigan",
                "biggan",
                "conditional",
                "context-encoder",
                "ctgan",
                "cyclegan",
                "dcgan",
                "dragan",
                "ebgan",
                "f-anogan",
                "fastgan",
                "infogan",
                "lsgan",
                "mocogan",
                "msg-gan",
                "pacgan",
                "pix2pix",
                "progan",
                "projection",
                "quantgan",
                "r3gan",
                "rcgan",
                "reacgan",
                "relgan",
                "sagan",
                "seqgan",
                "sngan",
                "specgan",
                "spade",
                "srgan",
                "stylegan2",
                "stylegan2-ada",
                "timegan",
                "vanilla",
                "wavegan",
                "wgan",
                "wgan-gp",
            ],
            [],
        ),
        ("", [], []),
    ],
)
def test_only_what_is_named_is_loaded_beside_the_core(
    folder: Path, chosen: str, variants: list[str], losses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("GANZOO_PLUGINS", chosen)
    zoo = Zoo()
    zoo.discover()
    assert sorted(zoo.tables["variants"]) == sorted(variants)
    assert [name for name in zoo.tables["losses"] if name.endswith("-loss")] == losses
    assert "hinge" in zoo.tables["losses"]


def test_a_plugin_that_is_not_installed_cannot_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANZOO_PLUGINS", "dcgna")
    message = r"unknown plugin 'dcgna': did you mean dcgan( or \w+)*\? \(GANZOO_PLUGINS names it\)"
    with pytest.raises(GanzooError, match=message):
        Zoo().discover()


def test_no_plugins_leaves_the_core(folder: Path) -> None:
    command = [sys.executable, "-m", "ganzoo", "--no-plugins", "plugins", "--json"]
    finished = run(command, folder, {"PYTHONPATH": str(folder)})
    assert (finished.returncode, finished.stderr) == (0, "")
    assert [row["name"] for row in json.loads(finished.stdout)] == ["builtins"]


def test_the_help_explains_how_to_select_plugins(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "--no-plugins" in shown
    assert "GANZOO_PLUGINS=a,b" in shown


# Runs elsewhere.


@pytest.fixture
def copied(digits_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(digits_run, tmp_path / "run"))


def change(folder: Path, **values: Any) -> None:
    info = json.loads((folder / "recipe.json").read_text())
    (folder / "recipe.json").write_text(json.dumps(info | values))


THEIRS = {"name": "their", "package": "ganzoo-their", "version": "1.2"}


@pytest.mark.parametrize("command", ["sample", "resume"])
def test_a_run_whose_plugin_is_missing_names_what_to_install(
    command: str, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(copied, variant="their-gan", plugin=THEIRS)
    assert cli.run([command, str(copied)]) == 2
    shown = capsys.readouterr().err
    assert shown == (
        f"error: {copied} needs the variant 'their-gan' of ganzoo-their 1.2, which is not installed: "
        "pip install ganzoo-their==1.2\n"
    )


@pytest.mark.parametrize(
    ("kind", "command", "needed"),
    [
        ("losses", "sample", True),
        ("penalties", "sample", True),
        ("datasets", "sample", False),
        ("datasets", "resume", True),
    ],
)
def test_a_run_whose_loss_penalty_or_data_set_is_missing_names_what_to_install(
    kind: str, command: str, needed: bool, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(copied, uses=[{"kind": kind, "what": "theirs", **THEIRS}])
    code = cli.run([command, str(copied), *(["--steps", "9", "--no-scores"] if command == "resume" else [])])
    shown = capsys.readouterr().err
    assert code == (2 if needed else 0)
    assert ("'theirs' of ganzoo-their 1.2, which is not installed: pip install ganzoo-their==1.2" in shown) == needed


def test_another_version_is_a_warning_of_one_line(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(copied, plugin={"name": "vanilla", "package": "ganzoo", "version": "0.0.9"})
    assert cli.run(["sample", str(copied), "-n", "2"]) == 0
    line = f"warning: the run was made with ganzoo 0.0.9, but {version()} is installed"
    assert capsys.readouterr().err == f"{line}; for the same version: pip install ganzoo==0.0.9\n"


def test_the_same_version_is_no_warning(digits_run: Path) -> None:
    info = json.loads((digits_run / "recipe.json").read_text())
    assert info["plugin"] == {"name": "vanilla", "package": "ganzoo", "version": version()}
    assert info["uses"] == []
    assert provenance.differences(info) == []


def test_an_installed_but_broken_plugin_is_named_with_the_reason(fresh: Zoo, copied: Path) -> None:
    fresh.plugins.append(Plugin("their", "ganzoo-their", "1.2", error="import failed: ImportError: x"))
    change(copied, variant="their-gan", plugin=THEIRS)
    with pytest.raises(GanzooError, match="which was left out: import failed: ImportError: x"):
        provenance.require(copied, json.loads((copied / "recipe.json").read_text()))


def test_an_installed_plugin_without_the_variant_needs_the_other_version(fresh: Zoo, copied: Path) -> None:
    fresh.plugins.append(Plugin("their", "ganzoo-their", "2.0"))
    change(copied, variant="their-gan", plugin=THEIRS)
    with pytest.raises(GanzooError, match=r"not in the version that is installed: pip install ganzoo-their==1\.2"):
        provenance.require(copied, json.loads((copied / "recipe.json").read_text()))


# Callbacks.


def with_hook(zoo: Zoo, hook: Callable[..., Any]) -> None:
    class Module(SimpleNamespace):
        __hash__ = object.__hash__

    hook.__name__ = "ganzoo_callbacks"
    assert zoo.add(Plugin("mine", "gan-mine", "1.0", Module(ganzoo_callbacks=hookimpl(hook)))).error == ""


class Failing(Callback):
    def on_step(self, trainer: Any) -> None:
        raise ValueError("no\nluck")


def test_a_callback_that_raises_is_reported_once_and_training_continues(
    fresh: Zoo, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with_hook(fresh, lambda: [Failing()])
    run = train_digits(tmp_path / "run", steps=3)
    assert run.metrics()[-1]["step"] == 3
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "plugin 'mine' (package gan-mine 1.0): Failing.on_step failed: ValueError: no luck; "
        "training continues without it."
    ]


def failing() -> list[Callback]:
    raise OSError("no server")


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        (failing, "ganzoo_callbacks failed: OSError: no server; training continues without it."),
        (lambda: None, "ganzoo_callbacks failed: TypeError: "),
        (lambda: [print], "it must return ganzoo.callbacks.Callback objects, not builtin_function_or_method"),
    ],
)
def test_a_hook_of_callbacks_that_fails_is_named_and_left_out(
    fresh: Zoo, hook: Callable[..., Any], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    with_hook(fresh, hook)
    assert fresh.callbacks(None, None, None) == []  # type: ignore[arg-type]
    (record,) = caplog.records
    assert record.getMessage().startswith("plugin 'mine' (package gan-mine 1.0): ")
    assert message in record.getMessage()


def test_a_callback_may_refuse_a_run() -> None:
    class Strict(Callback):
        def on_start(self, trainer: Any) -> None:
            raise GanzooError("set TRACKER_URL first.")

    with pytest.raises(GanzooError, match="TRACKER_URL"):
        IsolatedCallback(Strict(), "plugin 'mine'").on_start(None)  # type: ignore[arg-type]


def test_a_callback_cannot_change_the_numbers_that_others_read() -> None:
    class Greedy(Callback):
        def on_log(self, trainer: Any, values: dict[str, float]) -> None:
            values.clear()

    values = {"d/loss": 1.0}
    IsolatedCallback(Greedy(), "plugin 'mine'").on_log(None, values)  # type: ignore[arg-type]
    assert values == {"d/loss": 1.0}
