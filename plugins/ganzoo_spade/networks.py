"""SPADE's generator, and discriminators of patches at several scales that return their features."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from ganzoo.errors import GanzooError
from ganzoo.networks import SPADENorm, plain_normalisation

GAIN = 0.02
"""Of Xavier's rule, by which the authors' code initialises all weights."""


def convolution(
    fan_in: int, fan_out: int, kernel: int, stride: int = 1, padding: int = 0, *, bias: bool = True
) -> nn.Conv2d:
    """A convolution with normal weights by Xavier's rule, and biases of 0."""
    conv = nn.Conv2d(fan_in, fan_out, kernel, stride, padding, bias=bias)
    nn.init.xavier_normal_(conv.weight, GAIN)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


class SPADEBlock(nn.Module):
    """Feature maps `[N, fan_in, H, W]` and a label map to `[N, fan_out, H, W]`: Park et al. 2019, figure 4.

    SPADE, leaky ReLU (slope 0.2) and a 3x3 convolution, twice; plus the input, through SPADE and a 1x1 convolution if
    the number of channels changes. spectral: spectral normalisation of these convolutions, but not of those in SPADE.
    """

    def __init__(self, fan_in: int, fan_out: int, labels: int, hidden: int, *, spectral: bool) -> None:
        super().__init__()
        middle = min(fan_in, fan_out)
        convs = [convolution(fan_in, middle, 3, 1, 1), convolution(middle, fan_out, 3, 1, 1)]
        if fan_in != fan_out:
            convs.append(convolution(fan_in, fan_out, 1, bias=False))
        self.convs = nn.ModuleList([spectral_norm(conv) if spectral else conv for conv in convs])
        sizes = [fan_in, middle, fan_in][: len(convs)]
        self.norms = nn.ModuleList([SPADENorm(size, labels, hidden=hidden) for size in sizes])

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        h = x
        for norm, conv in zip(self.norms[:2], self.convs[:2], strict=True):
            h = conv(functional.leaky_relu(norm(h, labels), 0.2))
        if len(self.convs) > 2:
            x = self.convs[2](self.norms[2](x, labels))
        return x + h


class SPADEGenerator(nn.Module):
    """Label maps `[N, labels, H, W]` to images `[N, C, H, W]` in [-1, 1], for `shape = (C, H, W)`.

    Park et al. 2019, appendix A, and the authors' code without an encoder: a convolution of the map at the smallest
    size, then blocks, between which the size doubles `ups` times (6 in the paper, from 4 to 256 pixels). The number of
    channels is halved after each of the last four doublings, from at most 16 times `width` to `width`.
    Raises GanzooError for a size that cannot be halved evenly as often.
    """

    def __init__(
        self,
        labels: int,
        shape: Sequence[int],
        width: int = 64,
        *,
        ups: int = 6,
        hidden: int = 128,
        spectral: bool = True,
    ) -> None:
        super().__init__()
        channels, height, span = shape
        step = 2**ups
        if height % step or span % step:
            raise GanzooError(
                f"images of {height}x{span} cannot be halved evenly {ups} times: use --set ups=N with fewer, or "
                f"--set data.size={max(1, round(min(height, span) / step)) * step}."
            )
        self.start = height // step, span // step
        sizes = [width * 2 ** min(4, ups - number) for number in range(ups + 1)]
        self.first = convolution(labels, sizes[0], 3, 1, 1)
        self.last = convolution(sizes[-1], channels, 3, 1, 1)
        pairs = [(sizes[0], sizes[0]), *itertools.pairwise(sizes)]
        self.blocks = nn.ModuleList(
            [SPADEBlock(fan_in, fan_out, labels, hidden, spectral=spectral) for fan_in, fan_out in pairs]
        )

    def forward(self, labels: Tensor) -> Tensor:
        x = self.first(functional.interpolate(labels, self.start))
        for number, block in enumerate(self.blocks):
            if number:
                x = functional.interpolate(x, scale_factor=2)
            x = block(x, labels)
        return torch.tanh(self.last(functional.leaky_relu(x, 0.2)))


class PatchFeatures(nn.Module):
    """Images `[N, C, H, W]` to a tuple of the features of each layer, the last of which are logits `[N, H', W']`.

    The authors' discriminator: `layers` 4x4 convolutions with stride 2, leaky ReLU (slope 0.2), normalised except for
    the first one, and a last 4x4 convolution. Padding 2 keeps a patch beyond the border.
    """

    def __init__(self, channels: int, width: int, layers: int, norm: str) -> None:
        super().__init__()
        sizes = [channels, *(width * min(8, 2**level) for level in range(layers))]
        stages = []
        for level in range(layers):
            normed = plain_normalisation(norm, sizes[level + 1]) if level else []
            conv = convolution(sizes[level], sizes[level + 1], 4, 2, 2)
            stages.append(nn.Sequential(conv, *normed, nn.LeakyReLU(0.2)))
        self.stages = nn.ModuleList([*stages, convolution(sizes[-1], 1, 4, 1, 2)])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return (*found[:-1], found[-1][:, 0])


class MultiscaleDiscriminator(nn.Module):
    """Images `[N, C, H, W]` to the features of a `PatchFeatures` for each of `scales` sizes, each half the one before.

    Wang et al. 2018, section 3.2 (https://arxiv.org/abs/1711.11585), as used by Park et al. 2019.
    Raises GanzooError for images that are too small.
    """

    def __init__(self, shape: Sequence[int], width: int = 64, *, layers: int = 3, scales: int = 2, norm: str) -> None:
        super().__init__()
        smallest = min(shape[1:]) // 2 ** (scales - 1)
        if smallest < 2**layers:
            raise GanzooError(
                f"images of {shape[1]}x{shape[2]} are too small for {scales} discriminators of {layers} layers: "
                f"use --set data.size={2 ** (layers + scales - 1)} or more, or fewer: --set d_layers=N or d_scales=N."
            )
        self.scales = nn.ModuleList([PatchFeatures(shape[0], width, layers, norm) for _ in range(scales)])

    def forward(self, x: Tensor) -> tuple[tuple[Tensor, ...], ...]:
        found = []
        for number, network in enumerate(self.scales):
            if number:
                x = functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
            found.append(network(x))
        return tuple(found)
