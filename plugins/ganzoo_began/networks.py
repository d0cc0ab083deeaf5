"""BEGAN's networks (Berthelot et al. 2017, figure 1): the generator is built like the autoencoder's decoder."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ganzoo.networks import AutoencodingDiscriminator, as_maps, xavier_init
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import BEGANRecipe


def halved(height: int, width: int) -> tuple[int, tuple[int, int]]:
    """How often an image can be halved evenly until its shorter side has fewer than 14 pixels, and its size then."""
    count = 0
    while min(height, width) >= 14 and height % 2 == width % 2 == 0:
        height, width, count = height // 2, width // 2, count + 1
    return count, (height, width)


def convolutions(fan_in: int, fan_out: int) -> nn.Sequential:
    """Two 3x3 convolutions, each with an exponential linear unit."""
    first, second = nn.Conv2d(fan_in, fan_out, 3, 1, 1), nn.Conv2d(fan_out, fan_out, 3, 1, 1)
    return nn.Sequential(first, nn.ELU(inplace=True), second, nn.ELU(inplace=True))


class Decoder(nn.Module):
    """Codes `[N, code]` to images `[N, C, H, W]`, which are not bounded.

    A projection, then two convolutions per resolution, each twice as high as the one before (nearest neighbour). skip:
    whether the projection, upsampled, is concatenated with what is upsampled (section 3.5).
    """

    def __init__(self, code: int, shape: tuple[int, ...], width: int, skip: bool) -> None:
        super().__init__()
        levels, base = halved(*shape[1:])
        self.first, self.skip = (width, *base), skip
        self.project = nn.Linear(code, math.prod(self.first))
        later = [convolutions((1 + skip) * width, width) for _ in range(levels)]
        self.blocks = nn.ModuleList([convolutions(width, width), *later])
        self.last = nn.Conv2d(width, shape[0], 3, 1, 1)

    def forward(self, code: Tensor) -> Tensor:
        first = as_maps(self.project(code), self.first)
        x = self.blocks[0](first)
        for level, block in enumerate(self.blocks[1:], 1):
            x = interpolate(x, scale_factor=2.0)
            x = block(torch.cat([x, interpolate(first, scale_factor=2.0**level)], 1) if self.skip else x)
        image: Tensor = self.last(x)
        return image


class Generator(Decoder):
    """A decoder of latents `[N, latent]`. In evaluation, images are clamped to [-1, 1]."""

    def forward(self, z: Tensor) -> Tensor:
        image = super().forward(z)
        return image if self.training else image.clamp(-1, 1)


def encoder(shape: tuple[int, ...], width: int, code: int) -> nn.Sequential:
    """Images `[N, *shape]` to codes `[N, code]`: two convolutions per resolution, with linearly more channels."""
    levels, base = halved(*shape[1:])
    layers: list[nn.Module] = [nn.Conv2d(shape[0], width, 3, 1, 1), nn.ELU(inplace=True)]
    fan_in = width
    for level in range(levels + 1):
        fan_out = width * (level + 1)
        layers.append(convolutions(fan_in, fan_out))
        if level < levels:
            layers.append(nn.Conv2d(fan_out, fan_out, 3, 2, 1))
        fan_in = fan_out
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(fan_in * math.prod(base), code))


def networks(recipe: BEGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """The generator and the autoencoder."""
    shape = data.shape
    g = Generator(recipe.latent, shape, recipe.width, recipe.skip)
    decoder = Decoder(recipe.code, shape, recipe.width, recipe.skip)
    d = AutoencodingDiscriminator(encoder(shape, recipe.d_width, recipe.code), decoder, recipe.energy)
    xavier_init(g)
    xavier_init(d)
    return g, d
