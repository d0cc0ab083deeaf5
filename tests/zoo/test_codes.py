"""infogan: codes that are drawn by the game, and read from its samples."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from bundled import CIFAR10, weights
from torch import nn
from torch.distributions import Normal

from ganzoo.errors import GanzooError
from ganzoo.recipes import DataSpec
from ganzoo.zoo import config, registry

DIGITS = DataSpec("digits", "image", (1, 8, 8), 10)
TINY = {"width": 4, "g_hidden": [8], "d_hidden": [8], "q_hidden": 4, "latent": 6, "categories": 3}


def infogan(recipe: str = "digits", data: DataSpec = DIGITS, **keys: Any) -> Any:
    card = registry.variants()["infogan"]
    return card.build(config.override(card.recipes[recipe], keys), data)


def test_codes_are_drawn_once_per_update_and_are_no_labels() -> None:
    game = infogan(**TINY)
    batch = {"x": torch.zeros(600, 1, 8, 8), "y": torch.full((600,), 9)}
    codes = game.fake_labels(batch)
    assert torch.equal(codes, game.fake_labels(batch))
    assert set(codes.tolist()) == {0, 1, 2}
    assert game.codes
    assert game.classes == 3
    assert game.generate(torch.zeros(2, 6), torch.tensor([0, 2])).shape == (2, 1, 8, 8)


@pytest.mark.parametrize(("code_weight", "continuous_weight"), [(1.0, 1.0), (0.5, 0.1)])
def test_both_players_maximise_the_likelihood_of_the_codes(code_weight: float, continuous_weight: float) -> None:
    game = infogan(**TINY, code_weight=code_weight, continuous_weight=continuous_weight)
    z = torch.tensor([[0.3, -0.8, 5.0, 5.0, 5.0, 5.0], [-0.1, 1.0, 5.0, 5.0, 5.0, 5.0]])
    batch = {"x": torch.zeros(2, 1, 8, 8), "z": z, "code": torch.tensor([0, 2])}
    # D's logit; three values of the categorical code, with odds of 2 to 1 to 1 for the first; two means.
    row = [5.0, math.log(2), 0.0, 0.0, 0.5, -0.5]
    output = torch.tensor([row, row])
    likelihoods = [Normal(torch.tensor(row[4:]), 1.0).log_prob(c).sum().item() for c in z[:, :2]]
    constant = 2 * 0.5 * math.log(2 * math.pi)
    wanted = {
        "code": code_weight * (math.log(2) + math.log(4)) / 2,
        "continuous": continuous_weight * (-sum(likelihoods) / 2 - constant),
    }
    for terms in (game.d_terms(batch, output, output), game.g_terms(batch, None, output, None)):
        assert {name: terms[name].item() for name in wanted} == pytest.approx(wanted)
    assert game.g_terms(batch, None, output, None)["loss"].item() == pytest.approx(math.log1p(math.exp(-5)))
    assert game.look(torch.randn(4, 1, 8, 8)).shape == (4, 6)


def test_without_continuous_codes_there_is_no_term_for_them() -> None:
    game = infogan(**TINY, continuous=0)
    batch = {"x": torch.zeros(2, 1, 8, 8)}
    assert "continuous" not in game.discriminator_loss(batch)
    with pytest.raises(GanzooError, match=r"fewer than the 7 continuous codes: use --set latent=7"):
        infogan(**TINY, continuous=7)


def test_the_networks_of_the_paper_on_mnist() -> None:
    with torch.device("meta"):
        game = infogan("paper", DataSpec("mnist", "image", (1, 28, 28), 10))
    g, d = weights(game.generator), weights(game.discriminator)
    # Appendix C.1, layer by layer: each batch normalisation has a scale and a shift, and there is no bias before it.
    assert g == 74 * 1024 + 2 * 1024 + 1024 * 6272 + 2 * 128 + 16 * 128 * 64 + 2 * 64 + 16 * 64 + 1
    shared = 16 * 64 + 64 + 16 * 64 * 128 + 2 * 128 + 6272 * 1024 + 2 * 1024
    # The last layer of D and the first one of Q follow the same features; Q's has a bias of its own.
    assert d == shared + (1024 + 1) + (1024 * 128 + 128 + 2 * 128) + (128 * 12 + 12)
    assert game.players["g"].body.base == (128, 7, 7)
    assert isinstance(game.discriminator.q[0], nn.BatchNorm1d)


def test_the_networks_of_the_paper_on_svhn() -> None:
    with torch.device("meta"):
        game = infogan("cifar10", CIFAR10)
    # Appendix C.2, with one categorical code of ten values in place of four: 124 latents and four continuous codes.
    g = 138 * 448 * 4 + 2 * 448 + 16 * 448 * 256 + 2 * 256
    g += (16 * 256 * 128 + 128) + (16 * 128 * 64 + 64) + (16 * 64 * 3 + 3)
    assert weights(game.generator) == g
    shared = 16 * 3 * 64 + 64 + 16 * 64 * 128 + 2 * 128 + 16 * 128 * 256 + 2 * 256
    assert weights(game.discriminator) == shared + (4096 + 1) + (4096 * 128 + 128 + 2 * 128) + (128 * 14 + 14)
    norms = [layer.num_features for layer in game.generator.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert norms == [448, 256]


def test_the_generator_for_svhn_makes_sides_that_are_multiples_of_sixteen() -> None:
    for shape in ((3, 32, 32), (1, 16, 48)):
        game = infogan("cifar10", DataSpec("own", "image", shape), **TINY)
        images = game.generate(torch.randn(2, 6), torch.tensor([0, 2]))
        assert images.shape == (2, *shape)
        assert images.abs().max() <= 1
    with pytest.raises(GanzooError, match=r"28x28 cannot be halved .* --set network=mnist, or --set data\.size=32"):
        infogan("cifar10", DataSpec("mnist", "image", (1, 28, 28)))
