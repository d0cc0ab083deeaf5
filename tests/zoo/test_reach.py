"""Unusual plugins: images that are not square, several inputs, building on other plugins."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import games
import pytest
import torch
from ganzoo_dcgan import DCGANRecipe
from ganzoo_dcgan import ganzoo_variants as bundled
from PIL import Image
from torch import Tensor, nn

import ganzoo
from ganzoo import cli, hookimpl, testing
from ganzoo.data.common import check_request, image_dataset
from ganzoo.data.dataset import Dataset
from ganzoo.data.resize import prepare
from ganzoo.game import GAN
from ganzoo.recipes import Data, DataSpec, key, recipe_class
from ganzoo.specs import DatasetSpec, Variant
from ganzoo.testing import check_dataset, check_variant
from ganzoo.zoo import zoo as zoo_module
from ganzoo.zoo.zoo import Plugin, Zoo


class Module(SimpleNamespace):
    """A plugin's module."""

    __hash__ = object.__hash__


def wide(data: Data, root: Path, split: str) -> Dataset:
    """Images of 8x24, darker to one side or the other."""
    check_request("wide", data, split)
    labels = torch.arange(120) % 2
    ramp = torch.linspace(0, 255, 24).expand(120, 1, 8, 24)
    noise = 40 * torch.rand(120, 1, 8, 24, generator=torch.Generator().manual_seed(len(split)))
    pixels = torch.where(labels[:, None, None, None] == 0, ramp, ramp.flip(-1)) * 0.8 + noise
    return image_dataset("wide", prepare("wide", pixels.to(torch.uint8), data), data, labels=labels, classes=2)


def pairs(data: Data, root: Path, split: str) -> Dataset:
    """Two domains without pairs, `{"a": [N, 2], "b": [N, 2]}`."""
    check_request("pairs", data, split)
    spec = DataSpec("pairs", "pairs", (2,), range=None)
    return Dataset({"a": games.points(64, -1.0, 1), "b": games.points(64, 1.0, 2)}, spec, groups=[["b"]])


@recipe_class
class PairsRecipe(games.CycleRecipe):
    data: Data = key(Data(name="pairs"), "The data set.")


class Translator(games.CycleGame):
    """The two-domain game, sampling in domain b."""

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        translated: Tensor = self.players["generators"]["a_to_b"](torch.randn(n, 2))
        return translated


@recipe_class
class DoubleRecipe(DCGANRecipe):
    """DCGAN's keys and one more."""

    gain: float = key(2.0, "Factor of D's logits.", above=0)


class Gain(nn.Module):
    def __init__(self, body: nn.Module, gain: float) -> None:
        super().__init__()
        self.body, self.gain = body, gain

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.gain * self.body(x)
        return logits


def build_double(recipe: DoubleRecipe, data: DataSpec) -> GAN:
    """Another plugin's game with an additional module."""
    gan = bundled()[0].build(recipe, data)
    gan.players["d"] = Gain(gan.players["d"], recipe.gain)
    return gan


@pytest.fixture
def zoo(monkeypatch: pytest.MonkeyPatch) -> Zoo:
    """The zoo of this process, with a plugin that registers all of the above."""
    double = dataclasses.replace(
        bundled()[0], name="double", recipes={"digits": DoubleRecipe(width=8)}, build=build_double, for_data={}, bf16=()
    )
    translator = Variant(
        "translator", "Two domains.", "None.", ("pairs",), {"pairs": PairsRecipe(ema=0.0)}, lambda r, d: Translator()
    )
    module = Module(
        ganzoo_datasets=hookimpl(
            named("ganzoo_datasets", [
                DatasetSpec("wide", "Wide.", "None.", "image", wide, labelled=True, test=True),
                DatasetSpec("pairs", "Pairs.", "None.", "pairs", pairs, test=True),
            ])
        ),
        ganzoo_variants=hookimpl(named("ganzoo_variants", [double, translator])),
    )  # fmt: skip
    fresh = Zoo()
    fresh.discover()
    assert fresh.add(Plugin("mine", "local", "0", module)).error == ""
    monkeypatch.setattr(zoo_module, "_current", fresh)
    return fresh


def named(name: str, values: list[Any]) -> Any:
    def hook() -> list[Any]:
        return values

    hook.__name__ = name
    return hook


def test_images_that_are_not_square_are_trained_sampled_and_scored(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_dataset(zoo.tables["datasets"]["wide"])
    run = ganzoo.train(
        "dcgan", dataset="wide", steps=3, set={"width": 8, "d_width": 8}, out=str(tmp_path / "run"), progress=False
    )
    assert run.sample(3).shape == (3, 1, 8, 24)
    for picture in (tmp_path / "run" / "samples.png", tmp_path / "sheet.png"):
        if picture.name == "sheet.png":
            assert cli.run(["sample", str(run.path), "-n", "16", "--grid", str(picture)]) == 0
        with Image.open(picture) as sheet:
            assert 2.5 < sheet.width / sheet.height < 3.1
    names = {score.name for score in ganzoo.evaluate(run, n=60).scores}
    assert {"FD[domain:wide]", "IS[domain:wide]", "precision[domain:wide]"} <= names


def test_a_game_of_several_networks_and_inputs_keeps_the_contract_on_its_own_data_and_trains(
    zoo: Zoo, tmp_path: Path
) -> None:
    check_variant(zoo.tables["variants"]["translator"])
    check_dataset(zoo.tables["datasets"]["pairs"])
    run = ganzoo.train("translator", steps=3, out=str(tmp_path / "run"), progress=False)
    assert run.metrics()[-1]["step"] == 3
    assert run.sample(5).shape == (5, 2)


def test_a_variant_that_builds_on_another_plugins_keeps_the_contract(zoo: Zoo) -> None:
    check_variant(zoo.tables["variants"]["double"], {"width": 8})
    assert any("compile" in str(check) for check in testing.contract("local"))
    recipe = zoo.tables["variants"]["double"].recipes["digits"]
    assert isinstance(recipe, DCGANRecipe)


def test_compiling_is_refused_where_it_is_not_claimed(zoo: Zoo, tmp_path: Path) -> None:
    still = dataclasses.replace(zoo.tables["variants"]["double"], name="still", compiles=False)
    zoo.tables["variants"].add(still, "plugin 'mine'")
    zoo.plugins[-1].adds["variants"].append("still")
    with pytest.raises(ganzoo.GanzooError, match=r"still does not support torch\.compile: leave --compile out"):
        ganzoo.train("still", dataset="digits", steps=1, compile=True, out=str(tmp_path / "run"), progress=False)
