"""Layers and initialisations that several networks share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

NORMS = ("batch", "instance", "layer", "none")
BATCH_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class InstanceNorm2d(nn.InstanceNorm2d):
    """torch's instance normalisation, whose output has the layout of its input: torch's own is never channels-last."""

    def forward(self, x: Tensor) -> Tensor:
        channels_last = x.is_contiguous(memory_format=torch.channels_last)
        y = super().forward(x)
        return y.contiguous(memory_format=torch.channels_last) if channels_last else y


INSTANCE_NORMS = {1: nn.InstanceNorm1d, 2: InstanceNorm2d, 3: nn.InstanceNorm3d}
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
SCALED: tuple[type[Any], ...] = (*BATCH_NORMS.values(), *INSTANCE_NORMS.values(), nn.GroupNorm, nn.LayerNorm)


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


def normalisation(kind: str, channels: int, dims: int = 2) -> list[nn.Module]:
    """Batch, instance or layer normalisation (over channels and pixels) of feature maps, or nothing.

    dims: 1 for signals `[N, C, L]`, 2 for images, 3 for volumes.
    """
    if kind == "batch":
        return [BATCH_NORMS[dims](channels)]
    if kind == "instance":
        return [INSTANCE_NORMS[dims](channels, affine=True)]
    return [nn.GroupNorm(1, channels)] if kind == "layer" else []


def plain_normalisation(kind: str, channels: int) -> list[nn.Module]:
    """As `normalisation`, but instance normalisation has no parameters, as in pix2pix and CycleGAN."""
    return [InstanceNorm2d(channels)] if kind == "instance" else normalisation(kind, channels)


@torch.no_grad()
def normal_init(module: nn.Module, std: float = 0.02) -> None:
    """DCGAN's initialisation: convolution and linear weights N(0, 0.02), normalisation scales N(1, 0.02), biases 0.

    Radford et al. 2016, section 4; the scales follow the authors' code.
    """
    layer: Any
    for layer in module.modules():
        if isinstance(layer, (*CONVOLUTIONS, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, std)
        elif isinstance(layer, SCALED) and layer.weight is not None:
            nn.init.normal_(layer.weight, 1.0, std)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


@torch.no_grad()
def xavier_init(module: nn.Module) -> None:
    """Convolution and linear weights uniform by Xavier's rule (Glorot & Bengio 2010), biases 0."""
    for layer in module.modules():
        if isinstance(layer, (*CONVOLUTIONS, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


@torch.no_grad()
def orthogonal_init(module: nn.Module) -> None:
    """Convolution, linear and embedding weights orthogonal (Saxe et al. 2014), as in BigGAN; biases 0.

    Brock et al. 2019, section 3 (https://arxiv.org/abs/1809.11096).
    """
    for layer in module.modules():
        if isinstance(layer, (*CONVOLUTIONS, nn.Linear, nn.Embedding)):
            nn.init.orthogonal_(layer.weight)
            if not isinstance(layer, nn.Embedding) and layer.bias is not None:
                nn.init.zeros_(layer.bias)
