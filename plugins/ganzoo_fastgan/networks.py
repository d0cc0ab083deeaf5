"""FastGAN's networks (Liu et al. 2021, https://arxiv.org/abs/2101.04775, figures 3 and 4)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from ganzoo.games import add_spectral_norm
from ganzoo.networks import NoiseInjection, normal_init, residual_levels
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import FastGANRecipe

G_CHANNELS = (16, 8, 4, 2, 2, 1, 0.5, 0.25, 0.125)
"""Of G's levels from the coarsest to the finest, in multiples of the width."""
D_CHANNELS = (16, 16, 8, 4, 2, 1, 0.5, 0.25, 0.125)
"""The same for D."""


def channels(multiples: tuple[float, ...], width: int, level: int) -> int:
    return max(1, int(multiples[level] * width))


def conv(fan_in: int, fan_out: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    return nn.Conv2d(fan_in, fan_out, kernel, stride, padding, bias=False)


class GLU(nn.Module):
    """Features of the first half of the channels, times the sigmoid of the second."""

    def forward(self, x: Tensor) -> Tensor:
        # Not functional.glu, whose gradient is never channels-last.
        kept, gate = x.chunk(2, 1)
        return kept * gate.sigmoid()


class Excitation(nn.Module):
    """Skip-layer excitation: `fine [N, C, H, W]`, whose channels are scaled by weights from `coarse [N, B, h, w]`.

    Section 3.1: the coarse features, averaged to 4x4 pixels, a 4x4 convolution, Swish, a 1x1 convolution, a sigmoid.
    """

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(coarse, fine, 4), nn.SiLU(), conv(fine, fine, 1), nn.Sigmoid())

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        scaled: Tensor = fine * self.body(adaptive_avg_pool2d(coarse, 4))
        return scaled


def up(fan_in: int, fan_out: int, *, noisy: bool = False) -> nn.Sequential:
    """Twice the size: nearest-neighbour upsampling, a 3x3 convolution, normalisation, GLU; if noisy, two of these."""
    layers: list[nn.Module] = [nn.Upsample(scale_factor=2)]
    for size in [fan_in, fan_out] if noisy else [fan_in]:
        layers.append(conv(size, 2 * fan_out, 3, 1, 1))
        layers += [NoiseInjection()] if noisy else []
        layers += [nn.BatchNorm2d(2 * fan_out), GLU()]
    return nn.Sequential(*layers)


class Generator(nn.Module):
    """`z [N, latent]` to images `[N, C, S, S]` in [-1, 1].

    From the coarsest size, each level doubles the resolution, every other one with two noisy convolutions. The features
    of level k are scaled by those of level k - `skip` (4 in the paper: 128 pixels by 8). Weights are N(0, 0.02), with
    spectral normalisation.
    """

    def __init__(self, recipe: FastGANRecipe, data: DataSpec) -> None:
        super().__init__()
        levels, base = residual_levels(data.shape)
        sizes = [channels(G_CHANNELS, recipe.width, level) for level in range(levels + 1)]
        self.skip = recipe.skip
        self.first = nn.Sequential(
            nn.ConvTranspose2d(recipe.latent, 2 * sizes[0], base, bias=False), nn.BatchNorm2d(2 * sizes[0]), GLU()
        )
        self.levels = nn.ModuleList(
            up(fan_in, fan_out, noisy=level % 2 == 0) for level, (fan_in, fan_out) in enumerate(pairwise(sizes))
        )
        self.excitations = nn.ModuleDict(
            {str(level): Excitation(sizes[level - self.skip], sizes[level]) for level in range(self.skip, levels + 1)}
        )
        self.to_image = nn.Sequential(conv(sizes[-1], data.shape[0], 3, 1, 1), nn.Tanh())
        normal_init(self)
        add_spectral_norm(self)

    def forward(self, z: Tensor) -> Tensor:
        features = [self.first(z[:, :, None, None])]
        for number, level in enumerate(self.levels, 1):
            fine, key = level(features[-1]), str(number)
            if key in self.excitations:
                fine = self.excitations[key](features[number - self.skip], fine)
            features.append(fine)
        image: Tensor = self.to_image(features[-1])
        return image


class Down(nn.Module):
    """Half the size: the mean of two strided convolutions and of one after pooling, each with normalisation."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            conv(fan_in, fan_out, 4, 2, 1), *normalised(fan_out), conv(fan_out, fan_out, 3, 1, 1), *normalised(fan_out)
        )
        self.direct = nn.Sequential(nn.AvgPool2d(2), conv(fan_in, fan_out, 1), *normalised(fan_out))

    def forward(self, x: Tensor) -> Tensor:
        half: Tensor = (self.main(x) + self.direct(x)) / 2
        return half


def normalised(size: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(size), nn.LeakyReLU(0.2)]


class Judged(NamedTuple):
    """What D returns: logits of patches, one tensor per scale, its features, and the images that it saw."""

    logits: tuple[Tensor, ...]
    last: Tensor
    middle: Tensor
    small: Tensor | None
    images: Tensor


class Discriminator(nn.Module):
    """Images `[N, C, S, S]` to `Judged`. It halves them to 4 to 7 pixels, or to 8 to 15 from 64 pixels on.

    Features are scaled by those of three levels before. From 16 pixels on, a second branch judges the image at half its
    size. `decoders` reconstruct the image from the features of the last level, of a quarter of the level before, and of
    the second branch.
    """

    def __init__(self, recipe: FastGANRecipe, data: DataSpec) -> None:
        super().__init__()
        levels, base = residual_levels(data.shape)
        colours, end = data.shape[0], int(levels >= 4)
        sizes = {level: channels(D_CHANNELS, recipe.width, level + 1) for level in range(levels, end - 1, -1)}
        self.first = nn.Sequential(conv(colours, sizes[levels], 3, 1, 1), nn.LeakyReLU(0.2))
        path = list(sizes.values())
        self.downs = nn.ModuleList(Down(fan_in, fan_out) for fan_in, fan_out in pairwise(path))
        self.excitations = nn.ModuleDict(
            {str(number): Excitation(path[number - 3], path[number]) for number in range(3, len(path))}
        )
        inner = channels(D_CHANNELS, recipe.width, end)
        self.head = nn.Sequential(conv(path[-1], inner, 1), *normalised(inner), conv(inner, 1, 4))
        target = min(levels, 5)
        ups = min(target, 4)
        self.side = base * 2**target
        shape = (base * 2 ** (target - ups), ups, recipe.width // 2 or 1, colours)
        decoders = {"last": decoder(path[-1], *shape), "middle": decoder(path[-2], *shape)}
        self.second: nn.Module | None = None
        if levels >= 2:
            small = [channels(D_CHANNELS, recipe.width, level + 2) for level in range(levels - 2, end - 1, -1)]
            begin = [conv(colours, small[0], 4, 2, 1), nn.LeakyReLU(0.2)]
            self.second = nn.Sequential(*begin, *[Down(fan_in, fan_out) for fan_in, fan_out in pairwise(small)])
            self.second_head = conv(small[-1], 1, 4)
            decoders["small"] = decoder(small[-1], *shape)
        self.decoders = nn.ModuleDict(decoders)
        normal_init(self)

    def forward(self, x: Tensor) -> Judged:
        features = [self.first(x)]
        for number, down in enumerate(self.downs, 1):
            half, key = down(features[-1]), str(number)
            features.append(self.excitations[key](features[number - 3], half) if key in self.excitations else half)
        logits = [self.head(features[-1]).flatten(1)]
        small = None
        if self.second is not None:
            small = self.second(interpolate(x, scale_factor=0.5))
            logits.append(self.second_head(small).flatten(1))
        return Judged(tuple(logits), features[-1], features[-2], small, x)

    def reconstructions(self, seen: Judged) -> list[tuple[Tensor, Tensor]]:
        """Pairs of a reconstruction and its target: of the images, of a random quarter, of the images at half size."""
        quarter = torch.randint(4, (1,), device=seen.images.device)
        pairs = [("last", seen.last, seen.images)]
        pairs.append(("middle", part_of(seen.middle, quarter), part_of(seen.images, quarter)))
        if seen.small is not None:
            pairs.append(("small", seen.small, seen.images))
        return [(self.decoders[name](part), interpolate(image, self.side)) for name, part, image in pairs]


def part_of(x: Tensor, quarter: Tensor) -> Tensor:
    """One quarter of images or features `[N, C, H, W]`, by its number `[1]`: 0 to 3, row by row."""
    parts = [half for rows in x.chunk(2, 2) for half in rows.chunk(2, 3)]
    return torch.stack(parts).index_select(0, quarter)[0]


def decoder(fan_in: int, side: int, ups: int, width: int, colours: int) -> nn.Sequential:
    """Features, averaged to `side` pixels, to images, `ups` times doubled, with the channels of fine levels of G."""
    sizes = [fan_in, *[max(1, int(width * multiple)) for multiple in (4, 2, 2, 1)[:ups]]]
    layers = [up(before, after) for before, after in pairwise(sizes)]
    return nn.Sequential(nn.AdaptiveAvgPool2d(side), *layers, conv(sizes[-1], colours, 3, 1, 1), nn.Tanh())
