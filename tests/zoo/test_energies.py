"""ebgan: the discriminator is an energy with a margin."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bundled import CIFAR10, built, recipe_of
from torch import nn

from ganzoo.recipes import DataSpec

CELEBA = DataSpec("celeba", "image", (3, 64, 64))


def energies(*values: float) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(values), torch.zeros(len(values), 3)


def test_ebgan_ignores_generated_samples_beyond_the_margin() -> None:
    game = built("ebgan.digits", width=4, d_width=4, g_hidden=[8], margin=2.0, pulling_away=0.0)
    terms = game.d_terms({}, energies(0.5, 1.5), energies(0.5, 3.0))
    assert terms["loss"].item() == pytest.approx(1.0 + (1.5 + 0.0) / 2)
    assert game.logits(energies(0.5, 1.5)).tolist() == [-0.5, -1.5]
    terms = game.g_terms({}, None, energies(0.5, 3.0), None)
    assert {name: value.item() for name, value in terms.items()} == {"loss": 1.75}


def test_ebgans_pulling_away_term_is_the_mean_squared_cosine_of_pairs() -> None:
    game = built("ebgan.digits", width=4, d_width=4, g_hidden=[8], pulling_away=0.3)
    codes = torch.randn(5, 2, 3, 3)
    flat = codes.numpy().reshape(5, -1).astype(np.float64)
    total = 0.0
    for i in range(5):
        for j in range(5):
            if i != j:
                total += (flat[i] @ flat[j] / np.linalg.norm(flat[i]) / np.linalg.norm(flat[j])) ** 2
    terms = game.g_terms({}, None, (torch.ones(5), codes), None)
    assert terms["pulling_away"].item() == pytest.approx(0.3 * total / (5 * 4), rel=1e-5)
    alone = game.g_terms({}, None, (torch.ones(1), codes[:1]), None)
    assert alone["pulling_away"].item() == pytest.approx(0, abs=1e-6)


def test_ebgans_discriminator_is_the_papers_autoencoder_of_faces() -> None:
    game = built("ebgan.celeba", CELEBA, "meta")
    # Appendix: (64)4c2s-(128)4c2s-(256)4c2s and its mirror image, with batch normalisation but at both ends.
    found = [layer for layer in game.discriminator.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    assert all(layer.kernel_size == (4, 4) and layer.stride == (2, 2) for layer in found)
    channels = [(layer.in_channels, layer.out_channels) for layer in found]
    assert channels == [(3, 64), (64, 128), (128, 256), (256, 128), (128, 64), (64, 3)]


def test_ebgan_on_cifar10_has_the_layers_for_faces_and_half_their_margin() -> None:
    game = built("ebgan.cifar10", CIFAR10, "meta")
    found = [layer for layer in game.discriminator.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    channels = [(layer.in_channels, layer.out_channels) for layer in found]
    assert channels == [(3, 64), (64, 128), (128, 256), (256, 128), (128, 64), (64, 3)]
    # The norm of an image with a quarter of the pixels is half as large.
    assert game.recipe.margin == recipe_of("ebgan.celeba").margin / 2
