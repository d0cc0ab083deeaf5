"""ProGAN's layers and its generator, which has an image at every resolution; MSG-GAN uses the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

from ganzoo.networks.equalised import EqualisedConv2d, EqualisedLinear, PixelNorm
from ganzoo.networks.layouts import as_maps, as_vectors
from ganzoo.networks.minibatch import MinibatchStd
from ganzoo.networks.pyramids import channel_ladder, pyramid

HE = math.sqrt(2)


class EqualisedGenerator(nn.Module):
    """`z [N, latent]` to images of every resolution, `[N, C, h, w]` each, from the coarsest to the finest.

    Karras et al. 2018, table 2 (https://arxiv.org/abs/1710.10196): z is normalised; a linear layer and a convolution,
    then blocks of nearest-neighbour upsampling and two 3x3 convolutions, each layer with leaky ReLU (slope 0.2) and
    pixel normalisation; at each resolution a 1x1 convolution to an image, without activation, so values are unbounded.
    All weights have equalised learning rates. 32 pixels are reached by three doublings from 4x4; see `pyramid` for
    other sizes. No paper clamps the images, but samples should be.

    width: channels at the finest resolution; they double as it halves, up to `most` times `width`.
    images: the numbers of the resolutions of which images are returned, by default all; features of finer ones are
    not computed.
    """

    def __init__(self, latent: int, shape: Sequence[int], width: int = 64, *, most: int = 8) -> None:
        super().__init__()
        levels, base = pyramid((shape[1], shape[2]))
        sizes = channel_ladder(width, levels + 1, most)[::-1]
        self.base = (sizes[0], *base)
        # The gain of the authors' code, which is that of a 4x4 convolution.
        self.project = EqualisedLinear(latent, math.prod(self.base), gain=HE / 4, bias=False)
        self.bias = nn.Parameter(self.project.weight.new_zeros(sizes[0], 1, 1))
        self.first = EqualisedConv2d(sizes[0], sizes[0], gain=HE)
        self.blocks = nn.ModuleList(
            nn.ModuleList([EqualisedConv2d(fan_in, fan_out, gain=HE), EqualisedConv2d(fan_out, fan_out, gain=HE)])
            for fan_in, fan_out in pairwise(sizes)
        )
        self.to_image = nn.ModuleList(EqualisedConv2d(size, shape[0], 1) for size in sizes)
        self.norm = PixelNorm()

    @property
    def levels(self) -> int:
        """The number of resolutions."""
        return len(self.to_image)

    def forward(self, z: Tensor, images: Sequence[int] | None = None) -> tuple[Tensor, ...]:
        wanted = range(self.levels) if images is None else images
        x = as_maps(self.project(self.norm(z)), self.base) + self.bias
        x = self._active(self.first(self._active(x)))
        found = [self.to_image[0](x)] if 0 in wanted else []
        for level in range(1, max(wanted) + 1):
            x = interpolate(x, scale_factor=2)
            for layer in cast("nn.ModuleList", self.blocks[level - 1]):
                x = self._active(layer(x))
            if level in wanted:
                found.append(self.to_image[level](x))
        return tuple(found)

    def _active(self, x: Tensor) -> Tensor:
        return self.norm(leaky_relu(x, 0.2))


class EqualisedDown(nn.Module):
    """Feature maps `[N, fan_in, H, W]` to `[N, fan_out, H/2, W/2]`: two 3x3 convolutions, mean of 2x2 pixels.

    Karras et al. 2018, table 2: leaky ReLU (slope 0.2) after each convolution, equalised learning rates.
    """

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = EqualisedConv2d(fan_in, fan_in, gain=HE), EqualisedConv2d(fan_in, fan_out, gain=HE)

    def forward(self, x: Tensor) -> Tensor:
        # The mean comes before the activation, as in the authors' fused layer.
        return leaky_relu(avg_pool2d(self.conv2(leaky_relu(self.conv1(x), 0.2)), 2), 0.2)


class EqualisedEnd(nn.Module):
    """The coarsest feature maps `[N, channels, h, w]` to logits `[N]`, with the standard deviation of a minibatch.

    Karras et al. 2018, table 2: `MinibatchStd`, a 3x3 convolution, two linear layers; build the game with
    `joint=False`. size: height and width. group: samples per group.
    """

    def __init__(self, channels: int, size: tuple[int, int], *, group: int = 4) -> None:
        super().__init__()
        self.spread = MinibatchStd(group)
        self.conv = EqualisedConv2d(channels + 1, channels, gain=HE)
        self.hidden = EqualisedLinear(channels * size[0] * size[1], channels, gain=HE)
        self.head = EqualisedLinear(channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = leaky_relu(self.conv(self.spread(x)), 0.2)
        logits: Tensor = self.head(leaky_relu(self.hidden(as_vectors(x)), 0.2))
        return logits[:, 0]
