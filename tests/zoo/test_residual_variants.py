"""The bundled variants of residual networks with classes: their weights, and what makes each what it is, by hand."""

from __future__ import annotations

from typing import Any

import pytest
from counting import built, layers, normalised, weights

from ganzoo.recipes import DataSpec
from ganzoo.testing import check_variant
from ganzoo.zoo import registry


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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sagan"])
def test_the_contract(name: str) -> None:
    check_variant(registry.variants()[name], {"width": 8, "d_width": 8, "batch": 4})
