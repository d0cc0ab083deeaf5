"""Three-dimensional convolutional networks, for volumes and video."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.networks.layers import normal_init, normalisation
from ganzoo.networks.pyramids import channel_ladder


class VolumeGenerator(nn.Module):
    """`z [N, latent]` to volumes or video `[N, C, D, H, W]`, for `shape = (C, D, H, W)`: 3D-GAN's generator.

    Wu et al. 2016, supplement (https://arxiv.org/abs/1610.07584): a linear layer to the smallest size, then 4x4x4
    transposed convolutions that double the sides, batch normalisation and ReLU, half as many channels after each
    doubling. 64^3 is reached by four doublings from 4^3 as in the paper; see `volume_levels` for other sizes. Sides
    shorter than the longest (the frames of a video) are doubled in the last layers only.
    Weights are N(0, 0.02).

    width: channels before the last layer. norm: one of NORMS. bounded: tanh at the end, for data in [-1, 1]; the paper
    has a sigmoid for occupancies in [0, 1].
    """

    def __init__(
        self, latent: int, shape: Sequence[int], width: int = 64, *, norm: str = "batch", bounded: bool = True
    ) -> None:
        super().__init__()
        channels, *sides = shape
        strides, base = volume_levels(sides)
        sizes = channel_ladder(width, len(strides))[::-1]
        self.base = (sizes[0], *base)
        bias = norm == "none"
        self.project = nn.Linear(latent, math.prod(self.base), bias=bias)
        layers: list[nn.Module] = []
        for level, (fan_in, fan_out) in enumerate(pairwise([*sizes, channels])):
            stride, last = strides[-1 - level], level == len(strides) - 1
            layers += [*normalisation(norm, fan_in, 3), nn.ReLU()]
            layers.append(nn.ConvTranspose3d(fan_in, fan_out, _kernel(stride), stride, 1, bias=bias or last))
        self.body = nn.Sequential(*layers, nn.Tanh() if bounded else nn.Identity())
        normal_init(self)

    def forward(self, z: Tensor) -> Tensor:
        volume: Tensor = self.body(self.project(z).unflatten(1, self.base))
        return volume


class VolumeDiscriminator(nn.Module):
    """Volumes or video `[N, C, D, H, W]` to logits `[N]`: 3D-GAN's discriminator.

    Wu et al. 2016, supplement: the mirror image of `VolumeGenerator`, with leaky ReLU (slope 0.2) and normalisation in
    all layers but the first.
    """

    def __init__(self, shape: Sequence[int], width: int = 64, *, norm: str = "batch") -> None:
        super().__init__()
        channels, *sides = shape
        strides, base = volume_levels(sides)
        sizes = channel_ladder(width, len(strides))
        layers: list[nn.Module] = []
        for level, (fan_in, fan_out) in enumerate(pairwise([channels, *sizes])):
            stride, bias = strides[level], norm == "none" or level == 0
            layers.append(nn.Conv3d(fan_in, fan_out, _kernel(stride), stride, 1, bias=bias))
            layers += [*(normalisation(norm, fan_out, 3) if level else []), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(sizes[-1] * math.prod(base), 1)
        normal_init(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(x).flatten(1))
        return logits[:, 0]


Sides = tuple[int, int, int]


def volume_levels(sides: Sequence[int]) -> tuple[list[Sides], Sides]:
    """The strides (1 or 2 per side) of each layer, from the largest size to the smallest, and the smallest size.

    The rule: each side is halved until it has 4 to 7 pixels, or not at all if it has fewer than 8; there are as many
    layers as the longest side has halvings. Raises GanzooError for sides that cannot be halved evenly, and if no side
    has 8 pixels or more.
    """
    shown = "x".join(str(side) for side in sides)
    halvings = _three(max(0, int(math.log2(max(1, side) / 4))) for side in sides)
    if not max(halvings):
        raise GanzooError(f"volumes of {shown} are too small to halve: at least one side must have 8 pixels or more.")
    for side, times in zip(sides, halvings, strict=True):
        if side % 2**times:
            near = round(side / 2**times) * 2**times
            raise GanzooError(
                f"volumes of {shown}: a side of {side} cannot be halved evenly {times} times: use {near}."
            )
    strides = [_three(2 if level < times else 1 for times in halvings) for level in range(max(halvings))]
    return strides, _three(side // 2**times for side, times in zip(sides, halvings, strict=True))


def _kernel(stride: Sides) -> Sides:
    """4 pixels where a side is halved or doubled; 3 where it stays, as 4 would change it by one."""
    return _three(4 if step == 2 else 3 for step in stride)


def _three(numbers: Iterable[int]) -> Sides:
    depth, height, width = numbers
    return depth, height, width
