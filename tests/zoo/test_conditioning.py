"""The bundled variants that generate a requested class: their games' terms, worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from ganzoo.recipes import DataSpec
from ganzoo.zoo import config, registry

DIGITS = DataSpec("digits", "image", (1, 8, 8), 3)


def acgan(**keys: Any) -> Any:
    card = registry.variants()["acgan"]
    return card.build(
        config.override(card.recipes["digits"], {"width": 4, "g_hidden": [8], "d_hidden": [8], **keys}), DIGITS
    )


def test_acgans_discriminator_names_the_class_and_is_not_told_it() -> None:
    game = acgan()
    x = torch.randn(5, 1, 8, 8)
    output = game.look(x, torch.tensor([0, 1, 2, 0, 1]))
    assert output.shape == (5, 1 + 3)
    assert torch.equal(game.logits(output), output[:, 0])
    assert game.generate(torch.randn(2, 100), torch.tensor([0, 2])).shape == (2, 1, 8, 8)


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_acgan_adds_the_cross_entropy_of_the_class_to_both_losses(weight: float) -> None:
    game = acgan(class_weight=weight)
    batch = {"x": torch.zeros(2, 1, 8, 8), "y": torch.tensor([0, 2])}
    # A logit, then three classes: of equal probability, or with odds of 2 to 1 to 1 for the first.
    even, first = [5.0, 0.0, 0.0, 0.0], [-5.0, math.log(2), 0.0, 0.0]
    real, fake = torch.tensor([even, even]), torch.tensor([first, first])
    of_real = math.log(3)
    of_fake = (-math.log(1 / 2) - math.log(1 / 4)) / 2
    d = game.d_terms(batch, real, fake)
    assert d["class"].item() == pytest.approx(weight * (of_real + of_fake))
    assert d["loss"].item() == pytest.approx(2 * math.log1p(math.exp(-5)))
    g = game.g_terms(batch, None, fake, None)
    assert g["class"].item() == pytest.approx(weight * of_fake)
    assert g["loss"].item() == pytest.approx(math.log1p(math.exp(5)))
