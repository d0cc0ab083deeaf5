"""MSG-GAN's game, and its discriminator of several scales."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, leaky_relu

from ganzoo.game import Batch
from ganzoo.games import TwoPlayer
from ganzoo.networks import EqualisedConv2d, EqualisedDown, EqualisedEnd, channel_ladder, pyramid


class MSGGAN(TwoPlayer):
    """G returns images of every scale, the coarsest first; D is shown the same scales of real images."""

    def shown(self, x: Any, batch: Batch) -> Any:
        if isinstance(x, tuple):
            return x
        levels, _ = pyramid((x.shape[2], x.shape[3]))
        return (*(avg_pool2d(x, 2**level) for level in range(levels, 0, -1)), x)

    def image_of(self, generated: tuple[Tensor, ...]) -> Tensor:
        """The finest images: G has no final activation, so they are clamped to the range, but not where D sees them."""
        assert self.data is not None
        return generated[-1] if self.data.range is None else generated[-1].clamp(*self.data.range)


class Discriminator(nn.Module):
    """Images of every scale, the coarsest first, to logits `[N]`.

    Karnewar & Wang 2020, section 3: each scale below the finest becomes feature maps by a 1x1 convolution, which are
    joined with those that come from the finer scales (the combine function phi_lin_cat), half of the channels each.
    """

    def __init__(self, shape: Sequence[int], width: int, most: int) -> None:
        super().__init__()
        levels, base = pyramid((shape[1], shape[2]))
        sizes = channel_ladder(width, levels + 1, most)
        self.from_finest = EqualisedConv2d(shape[0], sizes[0], 1, gain=2**0.5)
        self.from_image = nn.ModuleList(EqualisedConv2d(shape[0], size // 2, 1, gain=2**0.5) for size in sizes[1:])
        self.blocks = nn.ModuleList(
            EqualisedDown(fan_in, fan_out - fan_out // 2) for fan_in, fan_out in pairwise(sizes)
        )
        self.end = EqualisedEnd(sizes[-1], base)

    def forward(self, images: tuple[Tensor, ...]) -> Tensor:
        *coarser, finest = images
        x = leaky_relu(self.from_finest(finest), 0.2)
        for image, block, layer in zip(reversed(coarser), self.blocks, self.from_image, strict=True):
            x = torch.cat([layer(image), block(x)], 1)
        logits: Tensor = self.end(x)
        return logits
