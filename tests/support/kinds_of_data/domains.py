"""Unpaired translation: a data set of two groups with different lengths, and CycleGAN with a pool of past images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Recipe, key, recipe_class
from ganzoo.specs import DatasetSpec, Variant


def load(data: Data, root: Path, split: str) -> Any:
    """Digits as "x", and inverted digits, of which there are fewer, as the input "dark"."""
    from ganzoo.data.dataset import Dataset
    from ganzoo.data.images import digits

    plain = digits.load(Data(), root, split)
    images = plain.arrays["x"]
    half = len(images) // 2
    inputs = {"dark": DataSpec("dark", "image", plain.spec.shape)}
    arrays = {"x": images[:half], "y": plain.arrays["y"][:half], "dark": 255 - images[half - 50 :]}
    spec = DataSpec("two-digits", "image", plain.spec.shape, plain.spec.classes, inputs=inputs)
    return Dataset(arrays, spec, groups=[["dark"]])


@recipe_class
class CycleRecipe(Recipe):
    g: Optimiser = key(Optimiser(), "Both translators.")
    d: Optimiser = key(Optimiser(), "Both discriminators.")
    cycle: float = key(10.0, "Weight of the cycle.", minimum=0)


def build(recipe: CycleRecipe, data: DataSpec) -> Any:
    import torch
    from torch import nn
    from torch.nn.functional import l1_loss

    from ganzoo.game import GAN, Phase

    c = data.shape[0]

    def translator() -> Any:
        return nn.Sequential(nn.Conv2d(c, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, c, 3, padding=1), nn.Tanh())

    def judge() -> Any:
        return nn.Sequential(nn.Conv2d(c, 8, 3, 2), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3))

    class CycleGAN(GAN):
        inputs = ("dark",)

        def __init__(self) -> None:
            g, d = (nn.ModuleDict({name: make() for name in ("x", "dark")}) for make in (translator, judge))
            super().__init__({"g": g, "d": d}, ema=["g"])
            self.register_buffer("pool", torch.zeros(32, *data.shape))
            self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

        def phases(self) -> list[Phase]:
            return [Phase("g", "g", self.translate), Phase("d", "d", self.judge, new_batch=False)]

        def translate(self, batch: Any) -> Any:
            g, d = self.players["g"], self.players["d"]
            x, dark = g["x"](batch["dark"]), g["dark"](batch["x"])
            fooled = (d["x"](x) - 1).square().mean() + (d["dark"](dark) - 1).square().mean()
            cycle = l1_loss(g["dark"](x), batch["dark"]) + l1_loss(g["x"](dark), batch["x"])
            return {"fooled": fooled, "cycle": recipe.cycle * cycle}

        def judge(self, batch: Any) -> Any:
            d = self.players["d"]
            with torch.no_grad():
                x, dark = self.pooled(self.players["g"]["x"](batch["dark"])), self.players["g"]["dark"](batch["x"])
            of_x = (d["x"](batch["x"]) - 1).square().mean() + d["x"](x).square().mean()
            of_dark = (d["dark"](batch["dark"]) - 1).square().mean() + d["dark"](dark).square().mean()
            return {"x": of_x, "dark": of_dark}

        def pooled(self, new: Any) -> Any:
            """Images of which half are past ones, from a pool of 32 (Shrivastava et al. 2017)."""
            new = new.float()
            at = torch.randint(len(self.pool), (len(new),), device=new.device)
            old, known = self.pool[at], (at < self.filled).view(-1, 1, 1, 1)
            self.pool[at] = new
            self.filled.copy_((self.filled + len(new)).clamp(max=len(self.pool)))
            return torch.where(known & (torch.rand(len(new), 1, 1, 1, device=new.device) < 0.5), old, new)

        def sample(self, n: int, y: Any = None, given: Any = None) -> Any:
            return self.players["g"]["x"](given["dark"])

    return CycleGAN()


@hookimpl
def ganzoo_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            "two-digits", "Digits, and dark digits.", "none", "image", load, labelled=True, test=True, downloads=False
        )
    ]


@hookimpl
def ganzoo_variants() -> list[Variant]:
    recipes = {"two-digits": CycleRecipe(data=Data(name="two-digits"), steps=30, batch=16)}
    return [Variant("cycle", "CycleGAN, with an image pool.", "none", ("image",), recipes, build, inputs=("dark",))]
