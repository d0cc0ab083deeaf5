"""ProGAN's networks, which compute up to the resolution that they have grown to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

from ganzoo.networks import EqualisedConv2d, EqualisedDown, EqualisedEnd, EqualisedGenerator, channel_ladder, pyramid


class Growing(nn.Module):
    """level: of the resolution, 0 for the coarsest. fading: whether it is being faded in, by the fraction `alpha`."""

    alpha: Tensor

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels, self.level, self.fading = levels, levels - 1, False
        # A buffer, as it changes in every step: recordings of updates stay valid.
        self.register_buffer("alpha", torch.ones(()))


class Generator(Growing):
    """`z [N, latent]` to images `[N, C, h, w]` of the current resolution (Karras et al. 2018, figure 2 and table 2)."""

    def __init__(self, latent: int, shape: Sequence[int], width: int, most: int) -> None:
        body = EqualisedGenerator(latent, shape, width, most=most)
        super().__init__(body.levels)
        self.body = body

    def forward(self, z: Tensor) -> Tensor:
        if not self.fading:
            (image,) = self.body(z, [self.level])
            return image
        coarse, fine = self.body(z, [self.level - 1, self.level])
        return torch.lerp(interpolate(coarse, scale_factor=2), fine, self.alpha)


class Discriminator(Growing):
    """Images `[N, C, h, w]` of the current resolution to logits `[N]`."""

    def __init__(self, shape: Sequence[int], width: int, most: int) -> None:
        levels, base = pyramid((shape[1], shape[2]))
        super().__init__(levels + 1)
        sizes = channel_ladder(width, levels + 1, most)[::-1]
        self.from_image = nn.ModuleList(EqualisedConv2d(shape[0], size, 1, gain=2**0.5) for size in sizes)
        self.blocks = nn.ModuleList(EqualisedDown(fan_in, fan_out) for fan_out, fan_in in pairwise(sizes))
        self.end = EqualisedEnd(sizes[0], base)

    def forward(self, image: Tensor) -> Tensor:
        x = self._features(image, self.level)
        for level in range(self.level, 0, -1):
            x = self.blocks[level - 1](x)
            if self.fading and level == self.level:
                x = torch.lerp(self._features(avg_pool2d(image, 2), level - 1), x, self.alpha)
        logits: Tensor = self.end(x)
        return logits

    def _features(self, image: Tensor, level: int) -> Tensor:
        return leaky_relu(self.from_image[level](image), 0.2)
