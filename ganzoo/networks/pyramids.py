"""Convolutional generators and discriminators that double or halve the resolution layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.networks.layers import fully_connected, normalisation
from ganzoo.networks.layouts import as_maps, as_vectors
from ganzoo.networks.resampling import pixel_shuffle


class ConvGenerator(nn.Module):
    """`z [N, latent]` to images `[N, C, H, W]` in [-1, 1]: a projection, then layers that double the resolution.

    After Radford et al. 2016, figure 1: ReLU and normalisation in every layer but the last, tanh at the end, and half
    as many channels after each doubling. 64x64 is reached by four doublings from 4x4; see `pyramid` for other sizes.

    width: channels before the last layer. most: how many times `width` a layer has at most. norm: one of NORMS. up: a
    transposed convolution of `kernel` pixels, or a 3x3 convolution before pixel shuffle (Shi et al. 2016) or after
    nearest-neighbour upsampling. hidden: sizes of fully connected layers before the projection (as in Chen et al.
    2016, InfoGAN, appendix C).
    """

    def __init__(
        self,
        latent: int,
        shape: Sequence[int],
        width: int = 64,
        *,
        kernel: int = 4,
        norm: str = "batch",
        up: str = "transposed",
        hidden: Sequence[int] = (),
        most: int = 8,
    ) -> None:
        super().__init__()
        channels, height, span = shape
        levels, (base_h, base_w) = pyramid((height, span))
        sizes = channel_ladder(width, levels, most)[::-1]
        self.base = (sizes[0], base_h, base_w)
        bias = norm == "none"
        connected = fully_connected([latent, *hidden], norm, nn.ReLU(inplace=True))
        final = nn.Linear(hidden[-1] if hidden else latent, math.prod(self.base), bias=bias)
        self.project = nn.Sequential(*connected, final) if connected else final
        layers: list[nn.Module] = [*normalisation(norm, sizes[0]), nn.ReLU(inplace=True)]
        for fan_in, fan_out in pairwise(sizes):
            layers += [
                *doubling(fan_in, fan_out, kernel, up, bias),
                *normalisation(norm, fan_out),
                nn.ReLU(inplace=True),
            ]
        layers += [*doubling(sizes[-1], channels, kernel, up, True), nn.Tanh()]
        self.body = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        image: Tensor = self.body(as_maps(self.project(z), self.base))
        return image


class ConvDiscriminator(nn.Module):
    """Images `[N, C, H, W]` to logits `[N]`: strided convolutions, leaky ReLU, normalisation in all but the first.

    The mirror image of `ConvGenerator` (Radford et al. 2016, section 3), with its `most`. hidden: sizes of fully
    connected layers before the logit. classes: if above 0, the output is `[N, 1 + classes]`: the logit, then one per
    class, from the same features (Odena et al. 2017).
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int = 64,
        *,
        kernel: int = 4,
        norm: str = "batch",
        hidden: Sequence[int] = (),
        classes: int = 0,
        most: int = 8,
    ) -> None:
        super().__init__()
        channels, height, span = shape
        levels, (base_h, base_w) = pyramid((height, span))
        sizes = channel_ladder(width, levels, most)
        padding = (kernel - 1) // 2
        layers: list[nn.Module] = [nn.Conv2d(channels, sizes[0], kernel, 2, padding), nn.LeakyReLU(0.2, inplace=True)]
        for fan_in, fan_out in pairwise(sizes):
            layers.append(nn.Conv2d(fan_in, fan_out, kernel, 2, padding, bias=norm == "none"))
            layers += [*normalisation(norm, fan_out), nn.LeakyReLU(0.2, inplace=True)]
        self.body = nn.Sequential(*layers)
        flat = sizes[-1] * base_h * base_w
        connected = fully_connected([flat, *hidden], norm, nn.LeakyReLU(0.2, inplace=True))
        final = nn.Linear(hidden[-1] if hidden else flat, 1 + classes)
        self.head = nn.Sequential(*connected, final) if connected else final
        self.classes = classes

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(as_vectors(self.body(x)))
        return logits if self.classes else logits[:, 0]


class ConvEncoder(ConvDiscriminator):
    """Images `[N, C, H, W]` to latents `[N, latent]`: the layers of `ConvDiscriminator`, with a wider last one.

    As in BiGAN (Donahue et al. 2017, https://arxiv.org/abs/1605.09782) and f-AnoGAN (Schlegl et al. 2019). The other
    arguments are those of `ConvDiscriminator`.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent: int,
        width: int = 64,
        *,
        kernel: int = 4,
        norm: str = "batch",
        hidden: Sequence[int] = (),
    ) -> None:
        super().__init__(shape, width, kernel=kernel, norm=norm, hidden=hidden, classes=latent - 1)

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self.head(as_vectors(self.body(x)))
        return z


def pyramid(size: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    """How many times an image is halved, and the resulting size (height, width).

    The rule: halve until the shorter side has 4 to 7 pixels, but at least twice, so 8 pixels become 2. Thus 64 is
    4 x 2^4 as in the paper, 32 is 4 x 2^3, 28 is 7 x 2^2. Raises GanzooError for a side that cannot be halved evenly.
    """
    shortest = min(size)
    if shortest < 8:
        raise GanzooError(f"images of {size[0]}x{size[1]} are too small to halve twice: use --set data.size=8 or more.")
    levels = halvings(shortest)
    step = 2**levels
    if size[0] % step or size[1] % step:
        near = max(8, round(shortest / step) * step)
        raise GanzooError(
            f"images of {size[0]}x{size[1]} cannot be halved evenly {levels} times: use --set data.size={near}."
        )
    return levels, (size[0] // step, size[1] // step)


def halvings(shortest: int) -> int:
    """How many times `pyramid` halves an image whose shorter side has `shortest` pixels, at least 8."""
    return max(2, int(math.log2(shortest / 4)))


def channel_ladder(width: int, levels: int, most: int = 8) -> list[int]:
    """Channels from the finest level to the coarsest, doubling up to at most `most` times `width`."""
    return [width * min(most, 2**level) for level in range(levels)]


def doubling(fan_in: int, fan_out: int, kernel: int, up: str, bias: bool) -> list[nn.Module]:
    """Layers that double height and width."""
    if up == "shuffle":
        return pixel_shuffle(fan_in, fan_out, bias=bias)
    if up == "nearest":
        return [nn.Upsample(scale_factor=2), nn.Conv2d(fan_in, fan_out, 3, 1, 1, bias=bias)]
    padding = (kernel - 1) // 2
    # An odd kernel needs one more row and column at the far edge to double the size exactly.
    return [nn.ConvTranspose2d(fan_in, fan_out, kernel, 2, padding, output_padding=kernel % 2, bias=bias)]
