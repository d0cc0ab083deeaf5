"""The bundled variants that combine parts of the core: their games and the weights of their papers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ganzoo.game import GAN
from ganzoo.recipes import DataSpec
from ganzoo.testing import check_variant
from ganzoo.zoo import registry

CIFAR10 = DataSpec("cifar10", "image", (3, 32, 32), 10)


def built(name: str, data: DataSpec = CIFAR10) -> GAN:
    variant, _, recipe = name.partition(".")
    card = registry.variants()[variant]
    with torch.device("meta"):
        return card.build(card.recipes[recipe], data)


def weights(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_lsgan_has_the_standard_networks_and_the_papers_targets() -> None:
    game: Any = built("lsgan.cifar10")
    assert weights(game.players["g"]) == 3_811_907
    # The discriminator of Miyato et al. 2018, table 3b, with 2,935,873 weights; each bias becomes a scale and a shift.
    assert weights(game.players["d"]) == 2_935_873 + 2 * (64 + 128 + 256) + 512
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0])
    assert game.loss.discriminator(real, fake).item() == (0 + 4) / 4 + (0 + 4) / 4
    assert game.loss.generator(fake, real).item() == (1 + 1) / 4
    assert not game.joint


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lsgan"])
def test_the_contract(name: str) -> None:
    check_variant(registry.variants()[name], {"width": 8, "d_width": 8, "batch": 4})
