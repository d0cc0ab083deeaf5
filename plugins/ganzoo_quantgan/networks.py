"""Temporal convolutional networks with skip connections: Wiese et al. 2020, appendix B."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganzoo.errors import GanzooError

SHORTEST = 8


def levels_of(steps: int, most: int) -> int:
    """How many dilated blocks, at most `most`, a network may have whose receptive field fits into that many steps."""
    if steps < SHORTEST:
        raise GanzooError(f"series of {steps} steps are too short for temporal convolutions: {SHORTEST} or more.")
    levels = 1
    while levels < most and receptive_field(levels + 1) <= steps:
        levels += 1
    return levels


def receptive_field(levels: int) -> int:
    """Steps that influence one output: 127 for the paper's 6 levels. Each block has two convolutions of 2 steps."""
    return 1 + 2 * (2**levels - 1)


class DilatedLinear(nn.Module):
    """`[N, L, C]` to `[N, L - dilation, width]`: a convolution of kernel 2 over time, faster as a matrix product."""

    def __init__(self, channels: int, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.linear = nn.Linear(2 * channels, width)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.linear(torch.cat([x[:, : -self.dilation], x[:, self.dilation :]], 2))
        return output


class TemporalNetwork(nn.Module):
    """`[N, L, C]` to `[N, L - field + 1, outputs]`: every output follows from the `field` steps up to its own.

    A block of kernel 1, then blocks of kernel 2 with dilations 1, 2, 4, ...; a block is two dilated convolutions
    without padding, each followed by a PReLU. The last layer sees the sum of what all blocks send past the others (skip
    connections).
    """

    def __init__(self, channels: int, width: int, outputs: int, levels: int) -> None:
        super().__init__()
        self.field = receptive_field(levels)
        first = nn.Sequential(nn.Linear(channels, width), nn.PReLU(), nn.Linear(width, width), nn.PReLU())
        self.blocks = nn.ModuleList([first])
        for level in range(levels):
            layers = [(DilatedLinear(width, width, 2**level), nn.PReLU()) for _ in range(2)]
            self.blocks.append(nn.Sequential(*(layer for pair in layers for layer in pair)))
        self.skips = nn.ModuleList(nn.Linear(width, width) for _ in self.blocks)
        self.last = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[1] - self.field + 1
        past = []
        for block, skip in zip(self.blocks, self.skips, strict=True):
            x = block(x)
            past.append(skip(x[:, -length:]))
        output: Tensor = self.last(torch.stack(past).sum(0))
        return output


class Generator(nn.Module):
    """`z [N, (T + field - 1) * noise]`, the noise of T steps and of those before, to `[N, T, F]`, unbounded."""

    def __init__(self, noise: int, columns: int, width: int, levels: int) -> None:
        super().__init__()
        self.noise = noise
        self.body = TemporalNetwork(noise, width, columns, levels)

    def forward(self, z: Tensor) -> Tensor:
        series: Tensor = self.body(z.unflatten(1, (-1, self.noise)))
        return series


class Discriminator(nn.Module):
    """`[N, T, F]` to a logit for every stretch of a receptive field, `[N, T - field + 1]`."""

    def __init__(self, columns: int, width: int, levels: int) -> None:
        super().__init__()
        self.body = TemporalNetwork(columns, width, 1, levels)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.body(x)[..., 0]
        return logits
