"""The bundled variants that combine parts of the core: their games and the weights of their papers."""

from __future__ import annotations

from typing import Any

import torch
from bundled import CIFAR10, DIGITS, built, layers, normalised, weights


def test_lsgan_has_the_standard_networks_and_the_papers_targets() -> None:
    game: Any = built("lsgan.cifar10", CIFAR10, "meta")
    assert weights(game.players["g"]) == 3_811_907
    # The discriminator of Miyato et al. 2018, table 3b, with 2,935,873 weights; each bias becomes a scale and a shift.
    assert weights(game.players["d"]) == 2_935_873 + 2 * (64 + 128 + 256) + 512
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0])
    assert game.loss.discriminator(real, fake).item() == (0 + 4) / 4 + (0 + 4) / 4
    assert game.loss.generator(fake, real).item() == (1 + 1) / 4
    assert not game.joint


def test_sngan_has_the_papers_residual_networks_and_bounds_every_layer_of_the_discriminator() -> None:
    game: Any = built("sngan.cifar10", CIFAR10, "meta")
    # Miyato et al. 2018, table 4: linear layer, three blocks with shortcuts, batch normalisation, convolution.
    conv, shortcut = 9 * 256 * 256 + 256, 256 * 256 + 256
    block = 2 * conv + shortcut + 4 * 256
    assert weights(game.players["g"]) == 129 * 16 * 256 + 3 * block + 2 * 256 + (9 * 256 * 3 + 3)
    conv, shortcut = 9 * 128 * 128 + 128, 128 * 128 + 128
    first = (9 * 3 * 128 + 128) + conv + (3 * 128 + 128)
    assert weights(game.players["d"]) == first + (2 * conv + shortcut) + 2 * (2 * conv) + 129
    assert normalised(game.players["d"]) == layers(game.players["d"]) == 2 + 2 + 2 + 2 + 2 + 1
    assert normalised(game.players["g"]) == 0
    assert layers(built("sngan.digits", DIGITS, "meta").players["d"]) == 6


def test_vanillas_generator_has_the_weights_of_the_authors_perceptron_for_cifar10() -> None:
    game: Any = built("vanilla.cifar10", CIFAR10, "meta")
    # cifar10_fully_connected.yaml: 100 latents, two layers of 8000 units, 3072 values.
    assert weights(game.players["g"]) == 101 * 8000 + 8001 * 8000 + 8001 * 3072
    # D's two layers have 1600 units, each of one piece in place of five.
    assert weights(game.players["d"]) == 3073 * 1600 + 1601 * 1600 + 1601


def test_conditional_on_cifar10_has_dcgans_networks_with_the_label_beside_their_inputs() -> None:
    game: Any = built("conditional.cifar10", CIFAR10, "meta")
    labels = 10 * 10
    g = (128 + 10) * 16 * 256 + 2 * 256 + 16 * (256 * 128 + 128 * 64) + 2 * (128 + 64) + 16 * 64 * 3 + 3
    assert weights(game.players["g"]) == labels + g
    d = 16 * (3 + 10) * 64 + 64 + 16 * (64 * 128 + 128 * 256) + 2 * (128 + 256) + 16 * 256 + 1
    assert weights(game.players["d"]) == labels + d
    assert game.n_critic == 2
