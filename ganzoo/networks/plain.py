"""The standard convolutional networks of SNGAN's experiments, which other comparisons adopted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from ganzoo.networks.layers import normal_init, normalisation
from ganzoo.networks.layouts import as_maps, as_vectors
from ganzoo.networks.pyramids import channel_ladder, pyramid


class PlainGenerator(nn.Module):
    """`z [N, latent]` to images `[N, C, H, W]` in [-1, 1]: 4x4 transposed convolutions, then a 3x3 convolution.

    Miyato et al. 2018, table 3a (https://arxiv.org/abs/1802.05957): a linear layer to the smallest size, layers that
    double it, with normalisation and ReLU, half as many channels after each, and a convolution at full resolution with
    tanh. 32 pixels are reached by three doublings from 4x4; see `pyramid` for other sizes. Weights are N(0, 0.02).

    width: channels at the finest resolution, 64 in the paper. norm: one of NORMS.
    """

    def __init__(self, latent: int, shape: Sequence[int], width: int = 64, *, norm: str = "batch") -> None:
        super().__init__()
        levels, base = pyramid((shape[1], shape[2]))
        sizes = channel_ladder(width, levels + 1)[::-1]
        self.base = (sizes[0], *base)
        self.project = nn.Linear(latent, math.prod(self.base))
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(sizes):
            layers.append(nn.ConvTranspose2d(fan_in, fan_out, 4, 2, 1, bias=norm == "none"))
            layers += [*normalisation(norm, fan_out), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers, nn.Conv2d(sizes[-1], shape[0], 3, 1, 1), nn.Tanh())
        normal_init(self)

    def forward(self, z: Tensor) -> Tensor:
        image: Tensor = self.body(as_maps(self.project(z), self.base))
        return image


class PlainDiscriminator(nn.Module):
    """Images `[N, C, H, W]` to logits `[N]`: pairs of a 3x3 convolution and a 4x4 convolution with stride 2.

    Miyato et al. 2018, table 3b: twice as many channels in each pair, a last 3x3 convolution, leaky ReLU (slope 0.1),
    a linear layer. The paper has no normalisation but that of the weights. Weights are N(0, 0.02).

    width: channels at the finest resolution, 64 in the paper. norm: one of NORMS, for every convolution.
    """

    def __init__(self, shape: Sequence[int], width: int = 64, *, norm: str = "none") -> None:
        super().__init__()
        levels, base = pyramid((shape[1], shape[2]))
        sizes = channel_ladder(width, levels + 1)
        layers: list[nn.Module] = []

        def add(fan_in: int, fan_out: int, kernel: int, stride: int) -> None:
            layers.append(nn.Conv2d(fan_in, fan_out, kernel, stride, 1, bias=norm == "none"))
            layers.extend([*normalisation(norm, fan_out), nn.LeakyReLU(0.1, inplace=True)])

        for index, (fan_in, fan_out) in enumerate(pairwise([shape[0], *sizes])):
            add(fan_in, fan_out, 3, 1)
            if index < levels:
                add(fan_out, fan_out, 4, 2)
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(sizes[-1] * math.prod(base), 1)
        normal_init(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(as_vectors(self.body(x)))
        return logits[:, 0]
