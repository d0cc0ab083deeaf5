"""RCGAN's networks: the core's recurrent ones, with the class appended to the input of every step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganzoo.networks import RecurrentDiscriminator, RecurrentGenerator
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import RCGANRecipe


def with_class(steps: Tensor, y: Tensor | None, classes: int) -> Tensor:
    """Inputs of every step `[N, T, D]` with the indicator of the class `y [N]`: `[N, T, D + classes]`."""
    if y is None or not classes:
        return steps
    # one_hot() would make the host wait for the device.
    indicator = (y[:, None] == torch.arange(classes, device=y.device)).to(steps.dtype)[:, None]
    return torch.cat([steps, indicator.expand(-1, steps.shape[1], -1)], 2)


class Generator(nn.Module):
    """`z [N, T * noise]`, or `[N, noise]` for all steps, and classes `y [N]` to series `[N, T, F]`."""

    def __init__(self, recipe: RCGANRecipe, data: DataSpec, classes: int) -> None:
        super().__init__()
        steps = data.shape[0]
        self.steps, self.classes, self.per_step = steps, classes, recipe.per_step
        latent = steps * (recipe.noise + classes)
        bounded = data.range is not None
        self.body = RecurrentGenerator(
            latent, data.shape, recipe.hidden, recipe.layers, cell=recipe.cell, bounded=bounded
        )

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        steps = z.unflatten(1, (self.steps, -1)) if self.per_step else z[:, None].expand(-1, self.steps, -1)
        series: Tensor = self.body(with_class(steps, y, self.classes).flatten(1))
        return series


class Discriminator(nn.Module):
    """Series `[N, T, F]` and classes `y [N]` to a logit for every step, `[N, T]`."""

    def __init__(self, recipe: RCGANRecipe, data: DataSpec, classes: int) -> None:
        super().__init__()
        steps, columns = data.shape
        self.classes = classes
        shape = steps, columns + classes
        # Only penalties differentiate twice.
        self.body = RecurrentDiscriminator(
            shape, recipe.hidden, recipe.layers, cell=recipe.cell, twice=bool(recipe.penalties)
        )

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        logits: Tensor = self.body(with_class(x, y, self.classes))
        return logits
