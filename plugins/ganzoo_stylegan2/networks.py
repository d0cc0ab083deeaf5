"""StyleGAN2's networks (Karras et al. 2020, https://arxiv.org/abs/1912.04958, figures 2 and 7)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from ganzoo.networks import (
    EqualisedConv2d,
    EqualisedLinear,
    FIRDownsample,
    FIRUpsample,
    MappingNetwork,
    MinibatchStd,
    ModulatedConv2d,
    NoiseInjection,
    as_vectors,
    fir_kernel,
    residual_levels,
    upfirdn,
)
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import StyleGAN2Recipe


def channels(recipe: StyleGAN2Recipe, data: DataSpec) -> tuple[list[int], int]:
    """Channels of the levels from the coarsest to the finest, and the coarsest size."""
    levels, base = residual_levels(data.shape, 1024)
    sides = [base * 2**level for level in range(levels + 1)]
    return [max(1, min(recipe.width, recipe.channel_base // side)) for side in sides], base


def activated(x: Tensor) -> Tensor:
    """Leaky ReLU with a gain that keeps the scale of the features."""
    return leaky_relu(x, 0.2) * math.sqrt(2)


class StyledLayer(nn.Module):
    """A modulated 3x3 convolution, noise, a bias and leaky ReLU; features `[N, C, H, W]` and styles `[N, style]`."""

    def __init__(self, fan_in: int, fan_out: int, style: int, up: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(fan_in, fan_out, 3, style, up=up, fused=False)
        self.noise = NoiseInjection()
        self.bias = nn.Parameter(torch.zeros(fan_out, 1, 1))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return activated(self.noise(self.conv(x, w)) + self.bias)


class ToImage(nn.Module):
    """A modulated 1x1 convolution without demodulation, and a bias: features to an image."""

    def __init__(self, fan_in: int, fan_out: int, style: int) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(fan_in, fan_out, 1, style, demodulate=False, fused=False)
        self.bias = nn.Parameter(torch.zeros(fan_out, 1, 1))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        image: Tensor = self.conv(x, w) + self.bias
        return image


class Generator(nn.Module):
    """`z [N, latent]`, and classes `y [N]` if there are any, to images `[N, C, S, S]`, which are not bounded.

    In evaluation, images are clamped to [-1, 1]. `styles` maps z to one style per layer, `synthesise` those to images:
    a learnt constant, then two styled layers per level after the first, of which the first doubles the resolution. The
    image is the sum of the levels' images, each upsampled to the next (skip connections).

    In training, with probability `mixing` for a batch, the layers from a random one on get the styles of other latents.
    """

    def __init__(self, recipe: StyleGAN2Recipe, data: DataSpec, classes: int) -> None:
        super().__init__()
        sizes, base = channels(recipe, data)
        self.mixing, style, colours = recipe.mixing, recipe.style, data.shape[0]
        self.mapping = MappingNetwork(
            recipe.latent, style, recipe.mapping, classes=classes, lr_multiplier=recipe.mapping_lr
        )
        self.constant = nn.Parameter(torch.randn(sizes[0], base, base))
        self.layers = nn.ModuleList([StyledLayer(sizes[0], sizes[0], style)])
        for fan_in, fan_out in pairwise(sizes):
            self.layers += [StyledLayer(fan_in, fan_out, style, up=True), StyledLayer(fan_out, fan_out, style)]
        self.to_image = nn.ModuleList(ToImage(size, colours, style) for size in sizes)
        self.up = FIRUpsample()

    def forward(self, z: Tensor, y: Tensor | None = None, truncation: float | None = None) -> Tensor:
        image = self.synthesise(self.styles(z, y, truncation))
        return image if self.training else image.clamp(-1, 1)

    def styles(self, z: Tensor, y: Tensor | None = None, truncation: float | None = None) -> Tensor:
        """Styles `[N, layers + 1, style]`: the last one is that of the last level's image."""
        count = len(self.layers) + 1
        w: Tensor = self.mapping(z, y, truncation)[:, None].expand(-1, count, -1)
        if self.training and self.mixing:
            other = self.mapping(torch.randn_like(z), y)[:, None]
            first = torch.randint(1, count, (), device=z.device)
            mixed = torch.rand((), device=z.device) < self.mixing
            w = torch.where(mixed & (torch.arange(count, device=z.device) >= first)[:, None], other, w)
        return w

    def synthesise(self, w: Tensor) -> Tensor:
        """Images `[N, C, S, S]` from styles `[N, layers + 1, style]`; an image has the style of the next layer."""
        x = self.layers[0](self.constant.expand(w.shape[0], -1, -1, -1), w[:, 0])
        image: Tensor = self.to_image[0](x, w[:, 1])
        for level in range(1, len(self.to_image)):
            x = self.layers[2 * level - 1](x, w[:, 2 * level - 1])
            x = self.layers[2 * level](x, w[:, 2 * level])
            image = self.up(image) + self.to_image[level](x, w[:, 2 * level + 1])
        return image


class Down(nn.Module):
    """Two 3x3 convolutions with leaky ReLU, of which the second halves the resolution, filtered before.

    residual: whether a filtered and halved 1x1 convolution of the input is added, and the sum divided by sqrt(2).
    """

    filter: Tensor

    def __init__(self, fan_in: int, fan_out: int, residual: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = EqualisedConv2d(fan_in, fan_in), EqualisedConv2d(fan_in, fan_out, stride=2, padding=0)
        self.register_buffer("filter", fir_kernel((1, 3, 3, 1)), persistent=False)
        skip = nn.Sequential(FIRDownsample(), EqualisedConv2d(fan_in, fan_out, 1, bias=False))
        self.skip = skip if residual else None

    def forward(self, x: Tensor) -> Tensor:
        h = activated(self.conv2(upfirdn(activated(self.conv1(x)), self.filter, padding=(2, 2))))
        return h if self.skip is None else (h + self.skip(x)) / math.sqrt(2)


class Discriminator(nn.Module):
    """Images `[N, C, S, S]`, and classes `y [N]` if there are any, to logits `[N]`.

    A 1x1 convolution, one `Down` per level, the deviation over the minibatch as a feature, a 3x3 convolution and two
    linear layers. With classes, the logit is the product of the output and the mapped class (Karras et al. 2020, ADA).
    """

    def __init__(self, recipe: StyleGAN2Recipe, data: DataSpec, classes: int) -> None:
        super().__init__()
        coarse_first, base = channels(recipe, data)
        sizes = coarse_first[::-1]
        self.first = EqualisedConv2d(data.shape[0], sizes[0], 1)
        self.body = nn.Sequential(*[Down(fan_in, fan_out, recipe.residual) for fan_in, fan_out in pairwise(sizes)])
        last = sizes[-1]
        self.deviation, self.conv = MinibatchStd(recipe.group), EqualisedConv2d(last + 1, last)
        self.linear = EqualisedLinear(last * base**2, last)
        self.head = EqualisedLinear(last, last if classes else 1)
        self.mapping = (
            MappingNetwork(0, last, recipe.d_mapping, classes=classes, lr_multiplier=recipe.mapping_lr)
            if classes
            else None
        )

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        h = activated(self.conv(self.deviation(self.body(activated(self.first(x))))))
        output: Tensor = self.head(activated(self.linear(as_vectors(h))))
        if self.mapping is None:
            return output[:, 0]
        classes = self.mapping(x.new_empty(len(x), 0), y)
        return (output * classes).sum(1) / math.sqrt(output.shape[1])
