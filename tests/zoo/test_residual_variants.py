"""The bundled variants of residual networks with classes: their weights, and what makes each what it is, by hand."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from bundled import CIFAR10, DIGITS, built, layers, normalised, weights
from torch import nn

from ganzoo.recipes import DataSpec
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
    game: Any = built("sagan.cifar10", CIFAR10, "meta")
    g, d = game.players["g"], game.players["d"]
    # A gain and a bias for each class in each conditional norm; a vector per class in D.
    last = 2 * 256 + (9 * 256 * 3 + 3)
    assert weights(g) == 129 * 16 * 256 + 3 * block(256, 2 * 10) + attention(256) + last
    assert weights(d) == discriminator(128) + attention(128) + 10 * 128
    for player in (g, d):
        assert normalised(player) == layers(player)
    assert (g.place, d.place) == (1, 0)


def test_sagan_is_unconditional_without_labels() -> None:
    game: Any = built("sagan.digits", DataSpec("digits", "image", (1, 8, 8)), "meta")
    assert game.classes == 0
    assert game.players["d"].embed is None


# The projection discriminator


def test_projection_has_the_weights_of_the_authors_networks() -> None:
    game: Any = built("projection.cifar10", CIFAR10, "meta")
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
    phases = {phase.name: phase for phase in built("projection.cifar10", CIFAR10, "meta").phases()}
    assert phases["g"].batch == 128
    assert phases["d"].repeats == 5


# BigGAN


def test_biggan_has_the_weights_of_the_networks_for_32_pixels() -> None:
    game: Any = built("biggan.cifar10", CIFAR10, "meta")
    g, d = game.players["g"], game.players["d"]
    # StudioGAN's big_resnet.py: z in four parts of 20, of which one enters each block beside the shared embedding of
    # 128, by linear maps to gains and biases.
    last = 2 * 384 + (9 * 384 * 3 + 3)
    project = 20 * 16 * 384 + 16 * 384
    assert weights(g) == 10 * 128 + project + 3 * block(384, 2 * (20 + 128)) + attention(384) + last
    assert weights(d) == discriminator(192) + attention(192) + 10 * 192
    # The shared embedding is not normalised.
    assert normalised(g) == layers(g) - 1
    assert normalised(d) == layers(d)
    assert (g.place, d.place) == (1, 0)


def test_biggans_regularisation_is_of_the_inner_products_of_different_rows() -> None:
    from ganzoo_biggan.game import non_orthogonality

    layer = nn.Linear(2, 2)
    layer.weight.data = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert non_orthogonality(layer).item() == 2 * (1 * 3 + 2 * 4) ** 2
    layer.weight.data = torch.tensor([[3.0, -4.0], [8.0, 6.0]])
    assert non_orthogonality(layer).item() == 0
    conv = nn.Conv2d(2, 3, 3)
    rows = conv.weight.detach().double().numpy().reshape(3, 18)
    expected = sum((rows[i] @ rows[j]) ** 2 for i in range(3) for j in range(3) if i != j)
    assert non_orthogonality(conv).item() == pytest.approx(expected, rel=1e-4)
    nn.utils.parametrizations.spectral_norm(conv)
    assert non_orthogonality(conv).item() == pytest.approx(expected, rel=1e-4)


def test_biggans_generator_minimises_it_with_its_weight() -> None:
    from ganzoo_biggan.game import non_orthogonality

    game = small("biggan", orthogonal=0.5)
    with torch.no_grad():
        # Orthogonal at first.
        for weight in game.generator.parameters():
            weight.add_(torch.randn_like(weight))
        game.generator.embed.weight.fill_(1e6)
    fake = torch.tensor([1.0, 3.0])
    terms = game.g_terms({}, None, fake, None)
    assert terms["orthogonal"].item() == pytest.approx(0.5 * non_orthogonality(game.generator).item())
    assert terms["orthogonal"].item() < 1e9
    assert terms["loss"].item() == -2
    assert "orthogonal" not in small("biggan", orthogonal=0.0).g_terms({}, None, fake, None)


@pytest.mark.parametrize("truncation", [None, 0.5])
def test_biggans_standing_statistics_are_means_over_batches(truncation: float | None) -> None:
    game = small("biggan", standing=3)
    torch.manual_seed(0)
    z = game.draw_latent(3 * 16, truncation)
    if truncation:
        assert z.abs().max() <= truncation
    with torch.no_grad():
        # The first norm sees what the linear layer makes of the first half of z.
        h = game.eval().generator.project(z[:, :4]).unflatten(1, game.generator.base).numpy()
    norm = game.generator.blocks[0].norm1.norm
    batches = h.reshape(3, 16, *h.shape[1:]).swapaxes(1, 2).reshape(3, h.shape[1], -1)
    state, random = {k: v.clone() for k, v in game.state_dict().items()}, torch.get_rng_state()
    with game.standing_statistics(truncation):
        assert norm.running_mean.numpy() == pytest.approx(batches.mean(2).mean(0), abs=1e-5)
        assert norm.running_var.numpy() == pytest.approx(batches.var(2, ddof=1).mean(0), rel=1e-4)
        assert not norm.training
    assert torch.equal(torch.get_rng_state(), random)
    assert norm.momentum == 0.1
    for name, value in game.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_biggan_samples_with_the_statistics_of_latents_as_truncated_as_the_samples() -> None:
    game, y = small("biggan", standing=2), torch.arange(4)
    game.train()
    game.fakes({"x": torch.zeros(16, 1, 8, 8), "y": torch.zeros(16, dtype=torch.long)})
    seen = []
    norm = game.averages["g"].blocks[0].norm1.norm
    norm.register_forward_hook(lambda *_: seen.append(norm.running_var.clone()))
    with game.for_sampling():
        for truncation in (None, 0.1):
            torch.manual_seed(1)
            game.sample(4, y, truncation=truncation)
            last = seen[-1]
            with game.standing_statistics(truncation):
                assert torch.equal(norm.running_var, last)
    assert seen[-1].mean() < seen[2].mean()


def test_biggan_can_sample_with_running_averages() -> None:
    game = small("biggan", standing=0)
    norm = game.averages["g"].blocks[0].norm1.norm
    norm.running_mean.fill_(3)
    with game.for_sampling():
        assert norm.running_mean.eq(3).all()


# ReACGAN


def test_reacgan_has_the_weights_of_the_networks_for_32_pixels() -> None:
    game: Any = built("reacgan.cifar10", CIFAR10, "meta")
    assert weights(game.players["g"]) == weights(built("biggan.cifar10", CIFAR10, "meta").players["g"])
    # StudioGAN's big_resnet.py: a linear layer to 512 features, and as many numbers for each class.
    d = game.players["d"]
    assert weights(d) == discriminator(192) + attention(192) + (192 * 512 + 512) + 10 * 512
    assert normalised(d) == layers(d)


def test_reacgans_loss_worked_out_sample_by_sample() -> None:
    from ganzoo_reacgan.game import data_to_data_cross_entropy

    random = np.random.default_rng(0)
    f, v = (random.standard_normal((5, 3)) for _ in range(2))
    f, v = (points / np.linalg.norm(points, axis=1, keepdims=True) for points in (f, v))
    y, temperature, margin = [0, 1, 0, 2, 1], 0.4, 0.7
    total = 0.0
    for i in range(5):
        near = math.exp(min(f[i] @ v[i] - margin, 0) / temperature)
        far = [math.exp(max(f[i] @ f[j] - (1 - margin), 0) / temperature) for j in range(5) if y[j] != y[i]]
        total -= math.log(near / (near + sum(far)))
    loss = data_to_data_cross_entropy(torch.tensor(f), torch.tensor(v), torch.tensor(y), temperature, margin)
    assert loss.item() == pytest.approx(total / 5)


def test_samples_that_are_near_their_class_and_far_from_others_have_no_gradient() -> None:
    from ganzoo_reacgan.game import data_to_data_cross_entropy

    samples = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], requires_grad=True)
    y = torch.tensor([0, 1, 0])
    classes = torch.eye(2)[y].requires_grad_()
    loss = data_to_data_cross_entropy(samples, classes, y, 0.5, 0.98)
    # One or two samples of another class, all at the margins.
    assert loss.item() == pytest.approx((2 * math.log(2) + math.log(3)) / 3)
    loss.backward()
    assert samples.grad is not None
    assert classes.grad is not None
    assert not samples.grad.any()
    assert not classes.grad.any()
    alone = data_to_data_cross_entropy(samples.detach()[[0, 2]], classes.detach()[[0, 2]], y[[0, 2]], 0.5, 0.98)
    assert alone.item() == 0


def test_reacgans_discriminator_compares_on_a_sphere_and_its_logit_ignores_the_class() -> None:
    game = small("reacgan", embedding=6)
    game.eval()
    x = torch.randn(3, 1, 8, 8)
    first, second = (game.look(x, torch.full((3,), label)) for label in (4, 7))
    assert torch.equal(game.logits(first), game.logits(second))
    assert first[0].shape == (3,)
    for points in first[1:]:
        assert points.shape == (3, 6)
        assert points.norm(dim=1).tolist() == pytest.approx([1, 1, 1], rel=1e-5)
    assert torch.equal(first[1], second[1])
    assert not torch.allclose(first[2], second[2])


def test_reacgans_players_learn_the_classes_of_their_own_samples() -> None:
    game = small("reacgan", class_weight=0.25)
    y = torch.tensor([0, 1])
    at = torch.eye(2)
    right, wrong = (torch.zeros(2), at, at), (torch.zeros(2), at, at.flip(0))
    # At the margin: one sample of another class. At a right angle: exp(-0.98 / 0.5) in place of 1.
    near, far = math.log(2), math.log(1 + math.exp(0.98 / 0.5))
    d, g = game.d_terms({"y": y}, right, wrong), game.g_terms({"y": y}, None, wrong, None)
    assert d["class"].item() == pytest.approx(0.25 * near)
    assert g["class"].item() == pytest.approx(0.25 * far)
    assert d["loss"].item() == 2


# AC-GAN, with residual networks


def test_acgan_has_the_weights_of_the_residual_networks_for_32_pixels() -> None:
    game: Any = built("acgan.cifar10", CIFAR10, "meta")
    g, d = game.players["g"], game.players["d"]
    last = 2 * 256 + (9 * 256 * 3 + 3)
    assert weights(g) == 129 * 16 * 256 + 3 * block(256, 2 * 10) + last
    # StudioGAN's resnet.py: a linear layer without bias for the classes, and batch normalisation. It normalises before
    # each activation but the last one and before two shortcuts, of 3 and of 128 channels; here it is before all
    # activations.
    studiogan = discriminator(128) + 10 * 128 + 2 * (7 * 128 + 3 + 128)
    assert weights(d) == studiogan - 2 * 3
    assert normalised(g) == normalised(d) == 0
    assert not game.joint


def test_acgans_residual_discriminator_judges_and_names_by_the_same_features() -> None:
    game = small("acgan", network="residual", d_width=3)
    game.eval()
    x, d = torch.randn(5, 1, 8, 8), game.discriminator
    output, features = game.look(x), d.features(x)
    assert output.shape == (5, 11)
    assert torch.allclose(game.logits(output), features @ d.head.weight[0] + d.head.bias, atol=1e-5)
    assert torch.allclose(output[:, 1:], features @ d.classify.weight.T, atol=1e-5)


# Images of 64 pixels


@pytest.mark.parametrize(("name", "width", "extra"), [("sagan", 64, 200 * 1024), ("biggan", 80, 200 * 1280)])
def test_discriminators_of_64_pixels_have_the_weights_of_studiogans(name: str, width: int, extra: int) -> None:
    game: Any = built(f"{name}.folder", DataSpec("folder", "image", (3, 64, 64), 200), "meta")
    # Its resnet.py and big_resnet.py: the first convolution of a block changes the channels.
    sizes = [width * multiple for multiple in (1, 2, 4, 8, 16)]
    total = (9 * 3 * width + width) + (9 * width**2 + width) + (3 * width + width)
    for a, b in pairwise(sizes):
        total += (9 * a * b + b) + (9 * b * b + b) + (a * b + b)
    # Attention after the first block, a linear layer, and a vector for each of 200 classes.
    d = game.players["d"]
    assert weights(d) == total + attention(width) + (sizes[-1] + 1) + extra
    assert (d.place, game.players["g"].place) == (0, 2)


def test_reacgan_of_64_pixels_compares_on_a_sphere_of_768_dimensions() -> None:
    spec = DataSpec("folder", "image", (3, 64, 64), 200)
    d, biggans = (built(f"{name}.folder", spec, "meta").players["d"] for name in ("reacgan", "biggan"))
    assert weights(d) == weights(biggans) - 200 * 1280 + (1280 * 768 + 768) + 200 * 768
