"""Layers and initialisations that several networks share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

NORMS = ("batch", "instance", "layer", "none")


def fully_connected(sizes: Sequence[int], norm: str, activation: nn.Module) -> list[nn.Module]:
    """Linear layers of the given sizes, each with normalisation and activation; none for a single size."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers.append(nn.Linear(fan_in, fan_out, bias=norm == "none"))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(fan_out))
        elif norm != "none":
            # A vector has no pixels to normalise over, so instance normalisation becomes layer normalisation.
            layers.append(nn.LayerNorm(fan_out))
        layers.append(activation)
    return layers


def normalisation(kind: str, channels: int) -> list[nn.Module]:
    """Batch, instance or layer normalisation (over channels and pixels) of feature maps, or nothing."""
    if kind == "batch":
        return [nn.BatchNorm2d(channels)]
    if kind == "instance":
        return [nn.InstanceNorm2d(channels, affine=True)]
    return [nn.GroupNorm(1, channels)] if kind == "layer" else []


@torch.no_grad()
def normal_init(module: nn.Module, std: float = 0.02) -> None:
    """DCGAN's initialisation: convolution and linear weights N(0, 0.02), normalisation scales N(1, 0.02), biases 0.

    Radford et al. 2016, section 4; the scales follow the authors' code.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, std)
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d, nn.InstanceNorm2d, nn.GroupNorm, nn.LayerNorm)):
            nn.init.normal_(layer.weight, 1.0, std)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
