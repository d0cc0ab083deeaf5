"""pacgan: the discriminator judges several samples at once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from bundled import CIFAR10, built, weights

from ganzoo.errors import GanzooError
from ganzoo.recipes import DataSpec
from ganzoo.zoo import config, registry

DIGITS = DataSpec("digits", "image", (1, 8, 8), 10)
STACKED = DataSpec("stacked-mnist", "image", (3, 28, 28), 1000)
POINTS = DataSpec("points", "points", (2,), range=None)


def pacgan(recipe: str, data: DataSpec, **keys: Any) -> Any:
    card = registry.variants()["pacgan"]
    return card.build(config.override(card.recipes[recipe], keys), data)


@pytest.mark.parametrize(("recipe", "data"), [("digits", DIGITS), ("points", POINTS)])
@pytest.mark.parametrize("pack", [1, 2, 3])
def test_a_logit_is_that_of_consecutive_samples_as_channels_of_one(recipe: str, data: DataSpec, pack: int) -> None:
    game = pacgan(recipe, data, width=4, g_hidden=[8], d_hidden=[8], pack=pack, batch=12)
    game.eval()
    x = torch.randn(12, *data.shape)
    logits = game.judge(x)
    assert logits.shape == (12 // pack,)
    for number, logit in enumerate(logits):
        packed = torch.cat(list(x[number * pack : (number + 1) * pack]))[None]
        assert torch.allclose(game.discriminator.body(packed)[0], logit, atol=1e-5)


def test_a_collapsed_generator_is_told_apart_by_its_packs_alone() -> None:
    """Real samples are -1 or 1, generated ones are all 1 or all -1: only in packs do their distributions differ."""
    game = pacgan("points", DataSpec("points", "points", (1,), range=None), d_hidden=[16], batch=64)
    optimiser = torch.optim.Adam(game.discriminator.parameters(), 0.02)
    torch.manual_seed(0)
    for _ in range(150):
        real = torch.randint(0, 2, (64, 1)) * 2.0 - 1
        fake = (torch.randint(0, 2, (32, 1)) * 2.0 - 1).repeat_interleave(2, 0)
        loss = game.loss.discriminator(game.judge(real), game.judge(fake))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    # Half of the real packs are mixed, which no generated one is; the others are alike.
    assert game.judge(torch.tensor([[1.0], [-1.0]])) > 3
    assert game.judge(torch.tensor([[1.0], [1.0]])) < 0


@pytest.mark.parametrize(
    ("keys", "advice"),
    [
        ({"pack": 3, "batch": 64}, "--set batch=63"),
        ({"pack": 2, "batch": 2}, "--set batch=4"),
        ({"pack": 4, "batch": 16, "accumulate": 4}, "--set batch=32"),
        ({"pack": 2, "batch": 64, "g_batch": 7}, "--set g_batch=6"),
    ],
)
def test_a_batch_that_makes_no_packs_is_refused(keys: dict[str, int], advice: str) -> None:
    with pytest.raises(GanzooError, match=f"cannot be split into packs of {keys['pack']}: use {advice}"):
        pacgan("digits", DIGITS, **keys)


def test_only_the_first_layer_is_wider_than_dcgans() -> None:
    with torch.device("meta"):
        single, packed = (pacgan("stacked-mnist", STACKED, pack=pack) for pack in (1, 2))
    assert weights(packed.discriminator) - weights(single.discriminator) == 3 * 64 * 16
    assert not packed.joint


def test_pacgan_on_cifar10_has_dcgans_networks_and_a_first_layer_for_two_images() -> None:
    game = built("pacgan.cifar10", CIFAR10, "meta")
    dcgan = built("dcgan.cifar10", CIFAR10, "meta")
    assert weights(game.generator) == weights(dcgan.generator)
    assert weights(game.discriminator) == weights(dcgan.discriminator) + 3 * 64 * 16
