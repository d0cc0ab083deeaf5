"""Multilayer perceptrons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class MLPGenerator(nn.Module):
    """`z [N, latent]` through hidden layers with leaky ReLU to `x [N, *shape]`; with a final tanh if `bounded`."""

    def __init__(self, latent: int, hidden: Sequence[int], shape: Sequence[int], *, bounded: bool = True) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.body = mlp([latent, *hidden, math.prod(shape)])
        self.output = nn.Tanh() if bounded else nn.Identity()

    def forward(self, z: Tensor) -> Tensor:
        sample: Tensor = self.output(self.body(z))
        return sample.unflatten(1, self.shape)


class MLPDiscriminator(nn.Module):
    """`x [N, *shape]` through hidden layers with leaky ReLU to logits `[N]`."""

    def __init__(self, shape: Sequence[int], hidden: Sequence[int]) -> None:
        super().__init__()
        self.body = mlp([math.prod(shape), *hidden, 1])

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.body(x.flatten(1))
        return logits[:, 0]


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers of the given sizes with leaky ReLU (slope 0.2) between them."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers[:-1])
