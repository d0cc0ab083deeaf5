"""CTGAN's networks (Xu et al. 2019, section 4.4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Generator(nn.Module):
    """`[N, size]` to `[N, row]`: each hidden layer (linear, batch normalisation, ReLU) is appended to its input."""

    def __init__(self, size: int, hidden: Sequence[int], row: int) -> None:
        super().__init__()
        layers = []
        for units in hidden:
            layers.append(nn.Sequential(nn.Linear(size, units), nn.BatchNorm1d(units), nn.ReLU()))
            size += units
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(size, row)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.cat([layer(x), x], 1)
        row: Tensor = self.head(x)
        return row


class Critic(nn.Module):
    """Packs `[N, size]` to `[N]`: linear layers with leaky ReLU and dropout."""

    def __init__(self, size: int, hidden: Sequence[int], dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for units in hidden:
            layers += [nn.Linear(size, units), nn.LeakyReLU(0.2), nn.Dropout(dropout)]
            size = units
        self.body = nn.Sequential(*layers, nn.Linear(size, 1))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.body(x)
        return logits[:, 0]
