"""The bundled variants of residual networks with classes: their weights, and what makes each what it is, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from counting import DIGITS, built, layers, normalised, weights

from ganzoo.recipes import DataSpec
from ganzoo.testing import check_variant
from ganzoo.zoo import config, registry

SMALL: dict[str, Any] = {"latent": 8, "width": 4, "d_width": 4, "batch": 16}


def small(name: str, **keys: Any) -> Any:
    """A game of tiny networks on digits."""
    card = registry.variants()[name]
    torch.manual_seed(0)
    return card.build(config.override(card.recipes["digits"], {**SMALL, **keys}), DIGITS)


def block(width: int, per_channel: int) -> int:
    """Weights of a generator's block of constant width: two convolutions, a shortcut, two conditional norms."""
    return 2 * (9 * width**2 + width) + (width**2 + width) + 2 * per_channel * width


def discriminator(width: int) -> int:
    """Weights of the discriminator for 32 pixels, all blocks of the same width, without attention and classes."""
    conv, shortcut = 9 * width**2 + width, width**2 + width
    first = (9 * 3 * width + width) + conv + (3 * width + width)
    return first + (2 * conv + shortcut) + 2 * (2 * conv) + (width + 1)


def attention(width: int) -> int:
    """Zhang et al. 2019, section 3: C/8 channels for queries and keys, C/2 for values, and gamma."""
    return 2 * width * (width // 8) + 2 * width * (width // 2) + 1


# SAGAN


def test_sagan_adds_attention_and_classes_to_both_networks_and_normalises_both() -> None:
    game: Any = built("sagan.cifar10")
    g, d = game.players["g"], game.players["d"]
    # A gain and a bias for each class in each conditional norm; a vector per class in D.
    last = 2 * 256 + (9 * 256 * 3 + 3)
    assert weights(g) == 129 * 16 * 256 + 3 * block(256, 2 * 10) + attention(256) + last
    assert weights(d) == discriminator(128) + attention(128) + 10 * 128
    for player in (g, d):
        assert normalised(player) == layers(player)
    assert (g.place, d.place) == (1, 0)


def test_sagan_is_unconditional_without_labels() -> None:
    game: Any = built("sagan.digits", DataSpec("digits", "image", (1, 8, 8)))
    assert game.classes == 0
    assert game.players["d"].embed is None


# The projection discriminator


def test_projection_has_the_weights_of_the_authors_networks() -> None:
    game: Any = built("projection.cifar10")
    g, d = game.players["g"], game.players["d"]
    # gen_models/resnet_32.py with 256 channels, dis_models/snresnet_32.py with 128, and a bias of the last layer.
    last = 2 * 256 + (9 * 256 * 3 + 3)
    assert weights(g) == 129 * 16 * 256 + 3 * block(256, 2 * 10) + last
    assert weights(d) == discriminator(128) + 10 * 128
    assert normalised(d) == layers(d)
    assert normalised(g) == 0


def test_the_class_enters_projections_logit_as_an_inner_product() -> None:
    game = small("projection")
    x, d = torch.randn(3, 1, 8, 8), game.discriminator
    for _ in range(50):
        # Each pass is a step of the power method.
        game.look(x, torch.tensor([0, 1, 2]))
    game.eval()
    first, second = (game.look(x, torch.full((3,), label)) for label in (4, 7))
    v = d.embed.parametrizations.weight.original.detach().numpy()
    v = v / np.linalg.svd(v)[1][0]
    expected = d.features(x).detach().numpy() @ (v[4] - v[7])
    assert (first - second).tolist() == pytest.approx(expected.tolist(), rel=1e-3, abs=1e-5)


def test_projections_generator_is_updated_on_twice_as_many_samples() -> None:
    phases = {phase.name: phase for phase in built("projection.cifar10").phases()}
    assert phases["g"].batch == 128
    assert phases["d"].repeats == 5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sagan", "projection"])
def test_the_contract(name: str) -> None:
    check_variant(registry.variants()[name], {"width": 8, "d_width": 8, "batch": 4})
