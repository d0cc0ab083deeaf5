"""Bundled variants, built for tests, and what their networks consist of."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ganzoo.recipes import DataSpec
from ganzoo.zoo import config, registry

CIFAR10 = DataSpec("cifar10", "image", (3, 32, 32), 10)
DIGITS = DataSpec("digits", "image", (1, 8, 8), 10)


def recipe_of(name: str, **keys: Any) -> Any:
    """VARIANT.RECIPE with other values of some keys."""
    variant, _, recipe = name.partition(".")
    return config.override(registry.variants()[variant].recipes[recipe], keys)


def built(name: str, data: DataSpec = DIGITS, device: str = "cpu", **keys: Any) -> Any:
    """The game of VARIANT.RECIPE; on the device "meta", it needs no memory for its weights."""
    card = registry.variants()[name.partition(".")[0]]
    with torch.device(device):
        return card.build(recipe_of(name, **keys), data)


def weights(network: nn.Module) -> int:
    """The number of weights."""
    return sum(parameter.numel() for parameter in network.parameters())


def layers(network: nn.Module) -> int:
    """The number of linear, convolution and embedding layers."""
    return sum(isinstance(module, nn.Linear | nn.Conv2d | nn.Embedding) for module in network.modules())


def normalised(network: nn.Module) -> int:
    """The number of layers with spectral normalisation."""
    return sum(isinstance(module, nn.utils.parametrize.ParametrizationList) for module in network.modules())
