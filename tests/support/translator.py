"""A plugin with a data set that has inputs, and a variant that turns them into samples. Imports no torch."""

from __future__ import annotations

from typing import Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, TwoPlayerRecipe
from ganzoo.specs import DatasetSpec, Variant


def load(data: Data, root: Any, split: str) -> Any:
    """Digits in RGB whose inputs are the same digit, grey and at half the size, and how bright it is."""
    import torch
    from torch.nn.functional import avg_pool2d

    from ganzoo.data.dataset import Dataset
    from ganzoo.data.images import digits
    from ganzoo.recipes import DataSpec

    plain = digits.load(Data(), root, split)
    grey = plain.arrays["x"].float()
    arrays = {
        "x": (grey * torch.tensor([1.0, 0.5, 0.25]).view(1, 3, 1, 1)).round().to(torch.uint8),
        "small": avg_pool2d(grey, 2).round().to(torch.uint8),
        "y": plain.arrays["y"],
        "level": grey.mean((1, 2, 3))[:, None] / 255,
    }
    inputs = {"small": DataSpec("small", "image", (1, 4, 4)), "level": DataSpec("level", "points", (1,), range=None)}
    spec = DataSpec("tinted", "image", (3, 8, 8), plain.spec.classes, inputs=inputs, note={"tint": [1.0, 0.5, 0.25]})
    return Dataset(arrays, spec)


def build(recipe: TwoPlayerRecipe, data: Any) -> Any:
    import torch
    from torch import nn
    from torch.nn.functional import interpolate, l1_loss

    from ganzoo.games import TwoPlayer

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1), nn.Tanh()
            )

        def forward(self, small: Any) -> Any:
            return self.body(interpolate(small, scale_factor=2.0, mode="bilinear"))

    class Translator(TwoPlayer):
        inputs = ("small",)

        def fakes(self, batch: Any) -> Any:
            return self.generator(batch["small"])

        def shown(self, x: Any, batch: Any) -> Any:
            return torch.cat([x, interpolate(batch["small"], scale_factor=2.0)], 1)

        def g_terms(self, batch: Any, fakes: Any, fake: Any, real: Any) -> Any:
            return super().g_terms(batch, fakes, fake, real) | {"l1": 10 * l1_loss(fakes, batch["x"])}

    d = nn.Sequential(nn.Conv2d(4, 8, 3, 2), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(72, 1), nn.Flatten(0))
    return Translator.from_recipe(Generator(), d, recipe, data)


@hookimpl
def ganzoo_datasets() -> list[DatasetSpec]:
    return [DatasetSpec("tinted", "Tinted digits.", "none", "image", load, labelled=True, test=True)]


@hookimpl
def ganzoo_variants() -> list[Variant]:
    recipes = {"tinted": TwoPlayerRecipe(data=Data(name="tinted"), steps=30, batch=16)}
    return [
        Variant(
            "tint",
            "A translator: enlarges and tints.",
            "none",
            ("image",),
            recipes,
            build,
            inputs=("small",),
            fixes=("latent", "latent_distribution"),
        )
    ]
