"""Quant GAN's game: the two networks work on returns whose heavy tails are transformed to normal ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.game import Batch
from ganzoo.games import TwoPlayer
from ganzoo.recipes import DataSpec

from .networks import Discriminator, Generator, levels_of, receptive_field

if TYPE_CHECKING:
    from . import QuantGANRecipe

HEAVIEST = 0.2
"""Largest delta: from 1/4 on, the transform has no fourth moment."""

FARTHEST = 8.0
"""Standard deviations to which G's outputs are limited before their tails are made heavy."""


class QuantGAN(TwoPlayer):
    """G's output and what D is shown are roughly normal; `image_of` makes returns of G's output."""

    mean: Tensor
    deviation: Tensor
    delta: Tensor

    def setup(self, recipe: Any, data: DataSpec) -> None:
        columns = data.shape[1]
        of = {name: data.note.get(name, [value] * columns) for name, value in DEFAULTS.items()}
        deltas = [delta_of(kurtosis) if recipe.gaussianise else 0.0 for kurtosis in of["kurtosis"]]
        for name, values in {"mean": of["mean"], "deviation": of["deviation"], "delta": deltas}.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32))

    def shown(self, x: Any, batch: Batch) -> Any:
        # Generated samples are shown as G returns them.
        return self.gaussianised(batch["x"]) if x is batch.get("x") else x

    def gaussianised(self, x: Tensor) -> Tensor:
        """Returns with light tails and unit variance: the inverse of `image_of`, sign(u) sqrt(W(delta u^2) / delta)."""
        u = (x - self.mean) / self.deviation * self.spread
        light = lambert_w(self.delta * u.square()) / self.delta.clamp(min=1e-8)
        return torch.where(self.delta > 0, u.sign() * light.sqrt(), u)

    @property
    def spread(self) -> Tensor:
        """The standard deviation of y exp(delta y^2 / 2) for a normal y (Goerg 2015)."""
        return (1 - 2 * self.delta) ** -0.75

    def image_of(self, generated: Tensor) -> Tensor:
        """Returns with heavy tails, from G's output y: y exp(delta y^2 / 2), with the data's mean and deviation."""
        y = generated.clamp(-FARTHEST, FARTHEST)
        x = self.mean + self.deviation * y * (self.delta * y.square() / 2).exp() / self.spread
        assert self.data is not None
        return x if self.data.range is None else x.clamp(*self.data.range)


DEFAULTS = {"mean": 0.0, "deviation": 1.0, "kurtosis": 3.0}
"""What is assumed of columns that the data's note does not describe."""


def built(recipe: QuantGANRecipe, data: DataSpec) -> QuantGAN:
    steps, columns = data.shape
    levels = levels_of(steps, recipe.levels)
    g = Generator(recipe.noise, columns, recipe.width, levels)
    d = Discriminator(columns, recipe.width, levels)
    latent = recipe.noise * (steps + receptive_field(levels) - 1)
    return QuantGAN.from_recipe(g, d, replace(recipe, latent=latent, latent_distribution="normal"), data)


def delta_of(kurtosis: float) -> float:
    """The delta whose transform of a normal distribution has that kurtosis, 0 to HEAVIEST, by bisection.

    Goerg 2015 (The Lambert Way to Gaussianize Heavy-Tailed Data, https://doi.org/10.1155/2015/909231), section 2:
    3 (1 - 2 delta)^3 / (1 - 4 delta)^(5/2).
    """
    low, high = 0.0, HEAVIEST
    for _ in range(50):
        middle = (low + high) / 2
        if 3 * (1 - 2 * middle) ** 3 / (1 - 4 * middle) ** 2.5 < kurtosis:
            low = middle
        else:
            high = middle
    return low


def lambert_w(z: Tensor) -> Tensor:
    """The w >= 0 with w exp(w) = z for z >= 0, elementwise, by Newton's method."""
    w = torch.log1p(z)
    for _ in range(8):
        w = w - (w - z * torch.exp(-w)) / (1 + w)
    return w
