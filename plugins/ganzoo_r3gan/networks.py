"""R3GAN's networks: stages of residual blocks without normalisation (Huang et al. 2024, section 4 and appendix)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganzoo.networks import FIRDownsample, FIRUpsample, FixupBottleneck, residual_levels
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import R3GANRecipe


def widths(recipe: R3GANRecipe, data: DataSpec) -> tuple[list[int], int]:
    """Channels of the stages from the coarsest to the finest, fewer above `full` pixels, and the coarsest size."""
    levels, base = residual_levels(data.shape, 1024)
    sides = [base * 2**level for level in range(levels + 1)]
    wanted = [recipe.width * min(recipe.full, side) // side for side in sides]
    # Multiples of a group, so that each stage can be split into groups.
    return [max(1, channels // recipe.group) * recipe.group for channels in wanted], base


def blocks(recipe: R3GANRecipe, channels: int, depth: int) -> list[nn.Module]:
    """The residual blocks of a stage. depth: the number of blocks in the network."""
    groups = max(1, channels * recipe.expansion // recipe.group)
    return [FixupBottleneck(channels, groups, depth=depth, expansion=recipe.expansion) for _ in range(recipe.blocks)]


class Generator(nn.Module):
    """`z [N, latent]`, and classes `y [N]` if there are any, to images `[N, C, S, S]`, at which they are not bounded.

    In evaluation, images are clamped to [-1, 1]. A learnt map per channel, scaled by a linear function of z and the
    class's embedding, then the stages, each after the first with a 1x1 convolution (if the width changes) and filtered
    upsampling before it, and a last 1x1 convolution. Only the blocks have biases.
    """

    def __init__(self, recipe: R3GANRecipe, data: DataSpec, classes: int) -> None:
        super().__init__()
        sizes, base = widths(recipe, data)
        depth = recipe.blocks * len(sizes)
        self.embed = embedding(classes, recipe.latent) if classes else None
        self.basis = nn.Parameter(torch.randn(sizes[0], base, base))
        self.scale = scaled(nn.Linear(recipe.latent * (2 if classes else 1), sizes[0], bias=False))
        layers = blocks(recipe, sizes[0], depth)
        for fan_in, fan_out in pairwise(sizes):
            layers += [*changed(fan_in, fan_out), FIRUpsample(), *blocks(recipe, fan_out, depth)]
        self.body = nn.Sequential(*layers, conv1(sizes[-1], data.shape[0]))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        if self.embed is not None:
            z = torch.cat([z, self.embed(y)], 1)
        image: Tensor = self.body(self.basis * self.scale(z)[:, :, None, None])
        return image if self.training else image.clamp(-1, 1)


class Discriminator(nn.Module):
    """Images `[N, C, S, S]`, and classes `y [N]` if there are any, to logits `[N]`: the generator's mirror image.

    With classes, the last layer has `width` outputs, and the logit is their product with the class's embedding.
    """

    def __init__(self, recipe: R3GANRecipe, data: DataSpec, classes: int) -> None:
        super().__init__()
        coarse_first, base = widths(recipe, data)
        sizes = coarse_first[::-1]
        depth = recipe.blocks * len(sizes)
        layers: list[nn.Module] = [conv1(data.shape[0], sizes[0])]
        for fan_in, fan_out in pairwise(sizes):
            layers += [*blocks(recipe, fan_in, depth), FIRDownsample(), *changed(fan_in, fan_out)]
        last = sizes[-1]
        basis = scaled(nn.Conv2d(last, last, base, groups=last, bias=False))
        self.body = nn.Sequential(*layers, *blocks(recipe, last, depth), basis, nn.Flatten())
        self.head = scaled(nn.Linear(last, last if classes else 1, bias=False))
        self.embed = embedding(classes, last, last**-0.5) if classes else None

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        output: Tensor = self.head(self.body(x))
        return output[:, 0] if self.embed is None else (output * self.embed(y)).sum(1)


def changed(fan_in: int, fan_out: int) -> list[nn.Module]:
    """A 1x1 convolution if the number of channels changes, else nothing."""
    return [conv1(fan_in, fan_out)] if fan_in != fan_out else []


def conv1(fan_in: int, fan_out: int) -> nn.Module:
    return scaled(nn.Conv2d(fan_in, fan_out, 1, bias=False))


def scaled(layer: nn.Linear | nn.Conv2d) -> nn.Module:
    """The layer with weights that keep the variance: N(0, 1 / fan-in)."""
    nn.init.normal_(layer.weight, 0.0, 1 / math.sqrt(layer.weight[0].numel()))
    return layer


def embedding(classes: int, size: int, gain: float = 1.0) -> nn.Embedding:
    """Vectors of the classes, initialised as the weight of a linear layer that is given one-hot classes."""
    made = nn.Embedding(classes, size)
    nn.init.normal_(made.weight, 0.0, gain / math.sqrt(classes))
    return made
