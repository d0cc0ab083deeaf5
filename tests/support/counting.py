"""Variants built without memory for their weights, and what their networks consist of."""

from __future__ import annotations

import torch
from torch import nn

from ganzoo.game import GAN
from ganzoo.recipes import DataSpec
from ganzoo.zoo import registry

CIFAR10 = DataSpec("cifar10", "image", (3, 32, 32), 10)
DIGITS = DataSpec("digits", "image", (1, 8, 8), 10)


def built(name: str, data: DataSpec = CIFAR10) -> GAN:
    """The game of VARIANT.RECIPE on the meta device."""
    variant, _, recipe = name.partition(".")
    card = registry.variants()[variant]
    with torch.device("meta"):
        return card.build(card.recipes[recipe], data)


def weights(network: nn.Module) -> int:
    """The number of weights."""
    return sum(parameter.numel() for parameter in network.parameters())


def layers(network: nn.Module) -> int:
    """The number of linear, convolution and embedding layers."""
    return sum(isinstance(module, nn.Linear | nn.Conv2d | nn.Embedding) for module in network.modules())


def normalised(network: nn.Module) -> int:
    """The number of layers with spectral normalisation."""
    return sum(isinstance(module, nn.utils.parametrize.ParametrizationList) for module in network.modules())
