"""Residual generators and discriminators of square images: the networks of SNGAN, SAGAN and BigGAN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.errors import GanzooError, unknown
from ganzoo.networks.attention import SelfAttention
from ganzoo.networks.layers import normalisation, orthogonal_init
from ganzoo.networks.layouts import as_maps
from ganzoo.networks.residual_blocks import ResidualDown, ResidualUp

G_MULTIPLIERS = {4: (8, 8, 4, 2, 1), 5: (16, 16, 8, 4, 2, 1), 6: (16, 16, 8, 8, 4, 2, 1)}
D_MULTIPLIERS = {4: (1, 2, 4, 8, 16), 5: (1, 2, 4, 8, 16, 16), 6: (1, 2, 4, 8, 8, 16, 16)}
"""Channels of BigGAN, by the number of doublings from the smallest size: 4 (64 pixels), 5 (128) and 6 (256).

Miyato & Koyama 2018 have the same for 128 pixels. Smaller images have the same channels everywhere, as SNGAN's.
"""


class ResidualGenerator(nn.Module):
    """`z [N, latent]`, and classes `y [N]` if conditional, to images `[N, C, S, S]` in [-1, 1], S from 8 to 256.

    A linear layer to the smallest size (4 to 7 pixels), a `ResidualUp` per doubling, then normalisation, ReLU, a 3x3
    convolution and tanh. Miyato et al. 2018, tables 4 to 6; Miyato & Koyama 2018; Zhang et al. 2019; Brock et al. 2019,
    appendix B. In the papers:

    SNGAN, 32 pixels        width=256
    SNGAN, 48 pixels        width=64, multipliers=(8, 4, 2, 1)
    projection, 128 pixels  width=64, classes=1000
    SAGAN, 128 pixels       width=64, classes=1000, attention=32
    BigGAN, 128 pixels      width=96, classes=1000, shared=128, split=True, attention=64, init="orthogonal", latent=120

    width: channels at the finest resolution. multipliers: channels of the linear layer and of each block, as multiples
    of it; by default those of BigGAN from 64 pixels on and 1 below.
    norm: one of NORMS, for an unconditional generator.
    classes: if above 0, the blocks have conditional batch normalisation.
    shared: size of an embedding of the class that all blocks share; by default each has one of its own.
    split: z is split into equal parts, the first for the linear layer, the others for the conditional normalisation of
    one block each. With classes it needs `shared`.
    attention: the resolution at which self-attention follows a block.
    init: "xavier" (SNGAN) or "orthogonal" (BigGAN).

    Raises GanzooError for an image size that cannot be made, a latent that cannot be split, and a resolution of
    attention that no block has.
    """

    def __init__(
        self,
        latent: int,
        shape: Sequence[int],
        width: int = 64,
        *,
        multipliers: Sequence[int] | None = None,
        norm: str = "batch",
        classes: int = 0,
        shared: int = 0,
        split: bool = False,
        attention: int | None = None,
        init: str = "xavier",
    ) -> None:
        super().__init__()
        levels, base = residual_levels(shape)
        sizes = _widths(width, multipliers or G_MULTIPLIERS.get(levels, (1,) * (levels + 1)), levels + 1)
        self.part = _part(latent, levels + 1, shape[-1]) if split else 0
        if split and classes and not shared:
            raise GanzooError("a generator with classes and a split latent needs a shared embedding: pass shared=128.")
        self.embed = nn.Embedding(classes, shared) if classes and shared else None
        features = self.part + (shared if classes else 0)
        own = 0 if features else classes
        self.conditional = bool(features or own)
        self.base = (sizes[0], base, base)
        self.project = nn.Linear(self.part or latent, math.prod(self.base))
        self.blocks = nn.ModuleList(
            ResidualUp(fan_in, fan_out, classes=own, features=features, norm=norm)
            for fan_in, fan_out in pairwise(sizes)
        )
        self.place = _place([base * 2 ** (level + 1) for level in range(levels)], attention)
        self.attention = None if self.place is None else SelfAttention(sizes[self.place + 1])
        final = nn.Conv2d(sizes[-1], shape[0], 3, 1, 1)
        last_norm = normalisation("batch" if self.conditional else norm, sizes[-1])
        self.output = nn.Sequential(*last_norm, nn.ReLU(), final, nn.Tanh())
        _initialise(self, init, [self.project, final])

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        parts = z.split(self.part, 1) if self.part else (z,)
        label = y if self.embed is None else self.embed(y)
        x = as_maps(self.project(parts[0]), self.base)
        for index, block in enumerate(self.blocks):
            condition = label
            if self.part:
                part = parts[index + 1]
                condition = part if label is None else torch.cat([label, part], 1)
            x = block(x, condition) if self.conditional else block(x)
            if self.attention is not None and index == self.place:
                x = self.attention(x)
        image: Tensor = self.output(x)
        return image


class ResidualDiscriminator(nn.Module):
    """Images `[N, C, S, S]`, and classes `y [N]` if conditional, to logits `[N]`, S from 8 to 256.

    `ResidualDown` blocks, of which the first `downs` halve the resolution, then ReLU, the sum (or mean) over pixels and
    a linear layer. With classes, the inner product of the pooled features and an embedding of the class is added
    (Miyato & Koyama 2018, figure 1d). The same papers as `ResidualGenerator`; in these:

    SNGAN, 32 pixels        width=128
    SNGAN, 48 pixels        width=64, multipliers=(1, 2, 4, 8, 16), downs=4
    WGAN-GP, 32 pixels      width=128, pool="mean"
    projection, 128 pixels  width=64, classes=1000
    SAGAN, 128 pixels       width=64, classes=1000, wide=True, attention=32
    BigGAN, 128 pixels      width=96, classes=1000, wide=True, attention=64, init="orthogonal"

    width: channels at the finest resolution. multipliers: channels of each block as multiples of it; by default those
    of BigGAN from 64 pixels on and (1, 1, 1, 1) below. downs: by default as many as give 4 to 7 pixels, but at most 2
    below 64 pixels. wide, norm: as in `ResidualDown`. attention, init: as in `ResidualGenerator`.
    pool: "sum" (Miyato et al. 2018) or "mean" (Gulrajani et al. 2017).

    `add_spectral_norm` normalises all layers with a weight, the embedding too, as in the papers. Raises GanzooError for
    an image size that cannot be halved, and a resolution of attention that no block has.
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int = 64,
        *,
        multipliers: Sequence[int] | None = None,
        downs: int | None = None,
        classes: int = 0,
        wide: bool = False,
        norm: str = "none",
        pool: str = "sum",
        attention: int | None = None,
        init: str = "xavier",
    ) -> None:
        super().__init__()
        levels, _ = residual_levels(shape)
        if downs is None:
            downs = levels if levels in D_MULTIPLIERS else min(2, levels)
        if shape[-1] % 2**downs:
            raise GanzooError(
                f"images of {shape[1]}x{shape[2]} cannot be halved evenly {downs} times: use fewer downs."
            )
        multipliers = multipliers or D_MULTIPLIERS.get(levels, (1, 1, 1, 1))
        sizes = [shape[0], *_widths(width, multipliers, len(multipliers))]
        if downs > len(multipliers):
            raise GanzooError(
                f"{len(multipliers)} blocks cannot halve images {downs} times: use downs={len(multipliers)}."
            )
        self.blocks = nn.ModuleList(
            ResidualDown(fan_in, fan_out, down=index < downs, first=index == 0, wide=wide, norm=norm)
            for index, (fan_in, fan_out) in enumerate(pairwise(sizes))
        )
        resolutions = [shape[-1] // 2 ** min(index + 1, downs) for index in range(len(multipliers))]
        self.place = _place(resolutions, attention)
        self.attention = None if self.place is None else SelfAttention(sizes[self.place + 1])
        self.norm = nn.Sequential(*normalisation(norm, sizes[-1]))
        self.head = nn.Linear(sizes[-1], 1)
        self.embed = nn.Embedding(classes, sizes[-1]) if classes else None
        if pool not in ("sum", "mean"):
            raise unknown("pooling", pool, ("sum", "mean"))
        self.pool = pool
        _initialise(self, init, [self.head, *([self.embed] if self.embed is not None else [])])

    def features(self, x: Tensor) -> Tensor:
        """The pooled features `[N, channels]` that the linear layer makes logits of."""
        for index, block in enumerate(self.blocks):
            x = block(x)
            if self.attention is not None and index == self.place:
                x = self.attention(x)
        maps = functional.relu(self.norm(x))
        return maps.mean((2, 3)) if self.pool == "mean" else maps.sum((2, 3))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        pooled = self.features(x)
        logits: Tensor = self.head(pooled)[:, 0]
        return logits if self.embed is None else logits + (self.embed(y) * pooled).sum(1)


def residual_levels(shape: Sequence[int], most: int = 256) -> tuple[int, int]:
    """How many times square images `[C, S, S]` are halved until they have 4 to 7 pixels, and that size.

    Raises GanzooError if they are not square, not of 8 to `most` pixels, or cannot be halved evenly.
    """
    _, height, width = shape
    size = f"images of {height}x{width}"
    if height != width:
        raise GanzooError(
            f"{size} are not square, as residual networks need: use --set data.size={min(height, width)}."
        )
    if not 8 <= height <= most:
        near = 8 if height < 8 else most
        raise GanzooError(f"{size}: residual networks make 8 to {most} pixels: use --set data.size={near}.")
    levels = int(math.log2(height / 4))
    step = 2**levels
    if height % step:
        near = round(height / step) * step
        raise GanzooError(f"{size} cannot be halved evenly {levels} times: use --set data.size={near}.")
    return levels, height // step


def _widths(width: int, multipliers: Sequence[int], expected: int) -> list[int]:
    if len(multipliers) != expected:
        raise GanzooError(f"multipliers: expected {expected} numbers for this image size, not {len(multipliers)}.")
    return [width * multiplier for multiplier in multipliers]


def _part(latent: int, parts: int, size: int) -> int:
    """The size of each part of a split latent."""
    if latent % parts:
        near = max(1, round(latent / parts)) * parts
        raise GanzooError(
            f"a latent of {latent} cannot be split into {parts} equal parts, as images of {size}x{size} need: "
            f"use --set latent={near}."
        )
    return latent // parts


def _place(resolutions: list[int], attention: int | None) -> int | None:
    """The index of the first block that attention follows."""
    if attention is None:
        return None
    if attention not in resolutions:
        known = ", ".join(str(size) for size in sorted(set(resolutions)))
        raise GanzooError(f"no block has a resolution of {attention} for attention: available: {known}.")
    return resolutions.index(attention)


def _initialise(network: nn.Module, init: str, layers: Sequence[nn.Module]) -> None:
    """Xavier's rule for the layers outside blocks, which have theirs, or orthogonal weights for all."""
    if init not in ("xavier", "orthogonal"):
        raise unknown("initialisation", init, ("xavier", "orthogonal"))
    for layer in layers:
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.Embedding)):
            nn.init.xavier_uniform_(layer.weight)
            if not isinstance(layer, nn.Embedding) and layer.bias is not None:
                nn.init.zeros_(layer.bias)
    if init == "orthogonal":
        orthogonal_init(network)
