"""Runs whose plugin has other recipe keys now: every command that needs the game names run, plugin and versions."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ganzoo
from ganzoo import hookimpl
from ganzoo.cli import run as typed
from ganzoo.errors import GanzooError
from ganzoo.recipes import DataSpec, Optimiser, TwoPlayerRecipe, key
from ganzoo.specs import Variant
from ganzoo.zoo import zoo as zoo_module
from ganzoo.zoo.loading import Plugin
from ganzoo.zoo.zoo import Zoo

FAST = {"batch": 16, "latent": 4, "g": Optimiser(lr=1e-3), "d": Optimiser(lr=1e-3)}


@dataclass(frozen=True, kw_only=True)
class Before(TwoPlayerRecipe):
    hidden: int = key(8, "Units.", minimum=1)
    slope: float = key(0.2, "Slope.")


@dataclass(frozen=True, kw_only=True)
class Renamed(TwoPlayerRecipe):
    hiddens: int = key(8, "Units.", minimum=1)
    tilt: float = key(0.2, "Slope.")


@dataclass(frozen=True, kw_only=True)
class Added(Before):
    depth: int = key(1, "Hidden layers.", minimum=1)


@dataclass(frozen=True, kw_only=True)
class Retyped(Before):
    slope: str = key("steep", "Slope.", choices=("steep", "flat"))  # type: ignore[assignment]


def build(recipe: Any, data: DataSpec) -> Any:
    from ganzoo.games import TwoPlayer
    from ganzoo.networks import MLPDiscriminator, MLPGenerator

    size = getattr(recipe, "hidden", 8)
    generator = MLPGenerator(recipe.latent, [size], data.shape, bounded=data.range is not None)
    return TwoPlayer.from_recipe(generator, MLPDiscriminator(data.shape, [size]), recipe, data)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[type, str], None]:
    """Installs the plugin with a recipe class and a version, in place of another."""

    def installed(recipe: Any, version: str) -> None:
        zoo = Zoo()
        zoo.discover()
        monkeypatch.setattr(zoo_module, "_current", zoo)

        class Module(SimpleNamespace):
            __hash__ = object.__hash__

        def ganzoo_variants() -> list[Variant]:
            recipes = {"digits": recipe(steps=2, **FAST)}
            return [Variant("fuzzy", "Fuzzy.", "no paper", ("image",), recipes, build)]

        module = Module(ganzoo_variants=hookimpl(ganzoo_variants))
        assert zoo.add(Plugin("cloud", "ganzoo-cloud", version, module)).error == ""

    return installed


@pytest.fixture
def folder(install: Callable[[type, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    install(Before, "1.0")
    ganzoo.train("fuzzy", out="run", progress=False, device="cpu")
    ganzoo.export("run", "made.safetensors")
    return Path("run")


COMMANDS = {
    "sample": ["sample", "run", "-n", "2"],
    "eval": ["eval", "run"],
    "resume": ["resume", "run", "--steps", "4"],
    "directions": ["directions", "run"],
    "export": ["export", "run", "--to", "x.safetensors"],
    "recipe": ["train", "fuzzy", "--recipe", "run", "--out", "other"],
}


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "recipe"])
@pytest.mark.parametrize("recipe", [Renamed, Retyped])
def test_a_key_that_is_gone_names_run_plugin_versions_and_key(
    command: str, recipe: type, folder: Path, install: Callable[[type, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}
    install(recipe, "2.0")
    capsys.readouterr()
    assert typed(COMMANDS[command]) == 2
    captured = capsys.readouterr()
    (line,) = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    wanted = ["run was made with", "'fuzzy'", "'cloud'", "(ganzoo-cloud 1.0)", "(ganzoo-cloud 2.0)"]
    wanted += ["pip install ganzoo-cloud==1.0", "slope"] + (["'hidden'"] if recipe is Renamed else [])
    assert all(part in line for part in wanted), line
    assert "Traceback" not in captured.err
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}
    assert after == before


def test_the_same_version_with_other_keys_is_named_too(folder: Path, install: Callable[[type, str], None]) -> None:
    install(Renamed, "1.0")
    with pytest.raises(GanzooError, match=r"ganzoo-cloud 1\.0.*'hidden'.*install the plugin as it was") as caught:
        ganzoo.load(folder).sample(2)
    assert "pip install" not in str(caught.value)


def test_an_exported_generator_names_its_file(folder: Path, install: Callable[[type, str], None]) -> None:
    install(Renamed, "2.0")
    with pytest.raises(GanzooError, match=r"^made\.safetensors was made with .*'cloud'.*'hidden'"):
        ganzoo.load_generator("made.safetensors")


def test_a_key_that_was_added_has_its_default(folder: Path, install: Callable[[type, str], None]) -> None:
    wanted = ganzoo.load(folder).sample(2)
    install(Added, "2.0")
    run = ganzoo.load(folder)
    assert run.recipe.depth == 1  # type: ignore[attr-defined]
    assert (run.sample(2) == wanted).all()


def test_comparing_needs_no_key(
    folder: Path, install: Callable[[type, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder, "copy")
    install(Renamed, "2.0")
    assert typed(["compare", "run", "copy"]) == 0
    assert "Traceback" not in capsys.readouterr().err
