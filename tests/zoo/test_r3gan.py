"""r3gan: its networks, the terms of its game and its schedules, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from bundled import CIFAR10, built, recipe_of, weights
from scipy.signal import upfirdn
from torch import Tensor, nn

from ganzoo.recipes import DataSpec, at_step


def test_r3gan_has_the_weights_of_the_authors_networks_for_cifar10() -> None:
    game = built("r3gan.cifar10", CIFAR10, "meta")
    # A block of 768 channels, widened to 1536, in 96 groups of 16; four stages of two, as in the authors' preset.
    block = 768 * 1536 + 1536 * 16 * 9 + 1536 * 768 + 2 * 1536
    stages = 4 * 2 * block
    g = 10 * 64 + 768 * 4 * 4 + 2 * 64 * 768 + stages + 768 * 3
    d = 3 * 768 + stages + 768 * 4 * 4 + 768 * 768 + 10 * 768
    assert (weights(game.generator), weights(game.discriminator)) == (g, d) == (20_781_952, 21_280_512)


def test_r3gan_has_fewer_channels_at_fine_resolutions_as_in_the_authors_preset_for_256_pixels() -> None:
    game = built("r3gan.folder", DataSpec("folder", "image", (3, 256, 256)), "meta")
    found = [block.conv1.in_channels for block in game.generator.body if hasattr(block, "conv3")]
    assert found[::2] == [768, 768, 768, 768, 384, 192, 96]
    groups = [block.conv2.groups for block in game.generator.body if hasattr(block, "conv3")]
    assert groups[::2] == [96, 96, 96, 96, 48, 24, 12]


@pytest.mark.parametrize("size", [28, 40, 48, 56, 96])
def test_r3gan_has_whole_groups_at_any_size(size: int) -> None:
    game = built("r3gan.digits", DataSpec("npz", "image", (3, size, size), 10), "meta", full=32, width=72, expansion=2)
    assert all(block.conv2.in_channels % 16 == 0 for block in game.generator.body if hasattr(block, "conv3"))


def upsampled(image: np.ndarray) -> np.ndarray:
    """Twice the size, with the filter that R3GAN's authors make of [1, 2, 1]."""
    taps = np.convolve([1, 2, 1], [1, 1]) / 4
    for axis in (0, 1):
        image = np.apply_along_axis(lambda line: upfirdn(taps, line, up=2)[1:-1][: 2 * len(line)], axis, image)
    return image


def test_r3gan_begins_as_a_scaled_basis_upsampled_because_its_blocks_begin_as_the_identity() -> None:
    game = built("r3gan.digits", width=16, full=32, conditional=False)
    z = torch.randn(3, game.latent)
    body = game.generator.body
    scales = (z @ game.generator.scale.weight.T).detach().numpy()
    basis, final = game.generator.basis.detach().numpy(), body[-1].weight.detach().numpy()[:, :, 0, 0]
    with torch.no_grad():
        images = game.generator(z).numpy()
    for scale, image in zip(scales, images, strict=True):
        maps = np.stack([upsampled(channel * factor) for channel, factor in zip(basis, scale, strict=True)])
        assert np.allclose(image, np.einsum("oc,chw->ohw", final, maps), atol=1e-5)


def test_r3gan_judges_an_image_by_its_class() -> None:
    game = built("r3gan.digits", width=16)
    x, y = torch.randn(4, 1, 8, 8), torch.tensor([0, 3, 3, 9])
    d = game.discriminator
    wanted = (d.head(d.body(x)) * d.embed.weight[y]).sum(1)
    assert torch.allclose(game.look(x, y), wanted, atol=1e-6)
    assert game.classes == 10
    assert built("r3gan.digits", DataSpec("digits", "image", (1, 8, 8)), conditional=True).classes == 0


def test_r3gan_has_the_relativistic_loss_and_both_penalties() -> None:
    game = built("r3gan.digits", width=16, conditional=False)
    for block in game.discriminator.body:
        if hasattr(block, "conv3"):
            nn.init.normal_(block.conv3.weight, 0.0, 0.1)
    batch: dict[str, Tensor] = {"x": torch.randn(5, 1, 8, 8)}
    torch.manual_seed(0)
    terms = game.discriminator_loss(batch)
    with torch.no_grad():
        fake = game.generator(batch["z"])
    sides = {"r1": batch["x"].clone().requires_grad_(), "r2": fake.requires_grad_()}
    logits = {name: game.discriminator(x) for name, x in sides.items()}
    assert terms["loss"].item() == pytest.approx(
        np.log1p(np.exp((logits["r2"] - logits["r1"]).detach().numpy())).mean(), rel=1e-5
    )
    for name, x in sides.items():
        gradient = torch.autograd.grad(logits[name].sum(), x)[0]
        gamma = game.recipe.penalties[name].weight
        assert terms[name].item() == pytest.approx(gamma / 2 * gradient.square().sum().item() / 5, rel=1e-4)


@pytest.mark.parametrize("images", [0, 5_000_000, 10_000_000, 20_000_000, 60_000_000])
def test_r3gans_schedules_are_the_authors_cosines_over_20_million_images(images: int) -> None:
    recipe = recipe_of("r3gan.cifar10")
    now = at_step(recipe, images // recipe.batch, recipe.steps)

    def cosine(first: float, last: float) -> float:
        return last + (first - last) * 0.5 * (1 + math.cos(math.pi * min(images / 2e7, 1)))

    assert now.g.betas == now.d.betas == (0.0, pytest.approx(cosine(0.9, 0.99), abs=1e-5))
    assert now.penalties["r1"].weight == now.penalties["r2"].weight == pytest.approx(cosine(0.05, 0.005), abs=1e-5)
    assert now.augment_options["p"] == pytest.approx(cosine(0, 0.55), abs=1e-4)
    half_life = cosine(0, 5e6)
    decay = 0.5 ** (recipe.batch / half_life) if half_life else 0.0
    assert now.ema == pytest.approx(decay, abs=1e-6)
    assert recipe.g.lr * recipe.g.final_lr == pytest.approx(5e-5)
    assert recipe.g.schedule_end * recipe.steps * recipe.batch == pytest.approx(2e7, rel=1e-4)
