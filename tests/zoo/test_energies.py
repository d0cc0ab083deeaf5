"""ebgan and began: the discriminator is the error of an autoencoder, with a margin or in balance with the generator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bundled import CIFAR10, built, recipe_of
from torch import nn

from ganzoo.game import Phase
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


def test_began_weights_generated_samples_by_k_which_follows_the_balance_of_both_errors() -> None:
    game = built("began.digits", width=4, d_width=4, gamma=0.5, k_rate=0.1)
    phases: dict[str, Phase] = {phase.name: phase for phase in game.phases()}

    def update(real: float, fake: float) -> tuple[dict[str, float], dict[str, float]]:
        of_d = game.d_terms({}, energies(real, real), energies(fake, fake))
        game.after_update(phases["d"], of_d)
        of_g = game.g_terms({}, None, energies(fake, fake), None)
        game.after_update(phases["g"], of_g)
        return tuple({name: value.item() for name, value in terms.items()} for terms in (of_d, of_g))

    of_d, of_g = update(0.8, 0.1)
    assert of_d == pytest.approx({"loss": 0.8, "real": 0.8, "fake": 0.1, "k": 0.0})
    # 0.8 + |0.5 * 0.8 - 0.1|
    assert of_g == pytest.approx({"loss": 0.1, "convergence": 1.1})
    # 0 + 0.1 * (0.5 * 0.8 - 0.1)
    assert game.k.item() == pytest.approx(0.03)
    of_d, of_g = update(0.4, 0.3)
    assert of_d["loss"] == pytest.approx(0.4 - 0.03 * 0.3)
    assert of_g["convergence"] == pytest.approx(0.4 + 0.1)
    assert game.k.item() == pytest.approx(0.03 - 0.1 * 0.1)
    update(0.1, 9.0)
    assert game.k.item() == 0.0
    update(99.0, 0.0)
    assert game.k.item() == 1.0


def test_begans_networks_are_the_papers_for_64_pixels() -> None:
    game = built("began.celeba", CELEBA, "meta")
    of_d = [layer for layer in game.discriminator.encoder.modules() if isinstance(layer, nn.Conv2d)]
    # Figure 1 with n = 128: linearly more channels, and resolutions halved by strided convolutions, down to 8x8.
    channels = [(layer.in_channels, layer.out_channels, layer.stride[0]) for layer in of_d]
    assert channels == [
        *[(3, 128, 1), (128, 128, 1), (128, 128, 1), (128, 128, 2)],
        *[(128, 256, 1), (256, 256, 1), (256, 256, 2)],
        *[(256, 384, 1), (384, 384, 1), (384, 384, 2)],
        *[(384, 512, 1), (512, 512, 1)],
    ]
    # The first feature maps are concatenated with what is upsampled (section 3.5).
    of_g = [layer for layer in game.generator.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.in_channels for layer in of_g] == [128, 128, *3 * [256, 128], 128]
    assert game.generator.project.weight.shape == (8 * 8 * 128, 64)
    shapes = [[weight.shape for weight in net.parameters()] for net in (game.generator, game.discriminator.decoder)]
    assert shapes[0] == shapes[1]
