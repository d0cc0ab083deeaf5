"""msg-gan and progan: games with images of several resolutions."""

from __future__ import annotations

import pytest
import torch
from bundled import CIFAR10, built, weights
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

from ganzoo.game import Level, Progress, course_of


def test_msg_gans_discriminator_is_shown_every_scale_of_real_images() -> None:
    game = built("msg-gan.digits", width=4)
    x = torch.randn(4, 1, 8, 8)
    batch = {"x": x}
    shown = game.shown(x, batch)
    assert [scale.shape[2] for scale in shown] == [2, 4, 8]
    assert torch.allclose(shown[0], x.view(4, 1, 2, 4, 2, 4).mean((3, 5)), atol=1e-6)
    assert shown[2] is x
    fakes = game.fakes(batch)
    assert [scale.shape for scale in fakes] == [scale.shape for scale in shown]
    assert game.shown(fakes, batch) is fakes
    assert torch.equal(game.image_of(fakes), fakes[2].clamp(-1, 1))


def test_every_scale_has_a_gradient_from_msg_gans_discriminator() -> None:
    game = built("msg-gan.digits", width=4)
    fakes = game.fakes({"x": torch.randn(4, 1, 8, 8)})
    gradients = torch.autograd.grad(game.judge(fakes).sum(), fakes)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_msg_gan_has_the_weights_of_the_authors_networks() -> None:
    game = built("msg-gan.cifar10", CIFAR10, "meta")
    conv, rgb = 9 * 128 * 128 + 128, 128 * 3 + 3
    # BMSG-GAN, depth 4 and latent_size 128, whose 4x4 transposed convolution has as many weights as a linear layer.
    assert weights(game.generator) == (128 * 128 * 16 + 128) + conv + 3 * 2 * conv + 4 * rgb
    half = 9 * 128 * 64 + 64
    end = (9 * 129 * 128 + 128) + (16 * 128 * 128 + 128) + (128 + 1)
    assert weights(game.discriminator) == (3 * 128 + 128) + 3 * (3 * 64 + 64) + 3 * (conv + half) + end


def test_progan_has_the_weights_of_the_authors_networks_on_cifar10() -> None:
    game = built("progan.cifar10", CIFAR10, "meta")
    conv, rgb = 9 * 128 * 128 + 128, 128 * 3 + 3
    # G_paper and D_paper with fmap_base=4096, fmap_max=128, resolution 32.
    assert weights(game.generator) == (128 * 128 * 16 + 128) + conv + 3 * 2 * conv + 4 * rgb
    end = (9 * 129 * 128 + 128) + (16 * 128 * 128 + 128) + (128 + 1)
    assert weights(game.discriminator) == 4 * (3 * 128 + 128) + 3 * 2 * conv + end


def lod(images: float, total: float, train: float, fade: float, levels: int) -> float:
    """The level of detail of the authors' TrainingSchedule: 0 is the full resolution, fractions fade."""
    phase = int(images // (train + fade))
    within = images - phase * (train + fade)
    return max(levels - 1 - phase - max(within - train, 0) / fade, 0.0)


def test_progan_grows_as_the_authors_schedule_does() -> None:
    # 400 thousand images per stage of 20 million, as on CIFAR-10, in steps of a thousand images.
    game = built("progan.digits", CIFAR10, width=2, growth=0.12)
    for step in range(0, 20_000, 50):
        game.on_step(Progress(step, 20_000))
        wanted = lod(step, 20_000, 400, 400, 4)
        g = game.generator
        shown = g.levels - 1 - g.level + (1 - g.alpha.item() if g.fading else 0)
        assert shown == pytest.approx(wanted, abs=1e-5), step
    starts = course_of(built("progan.digits", CIFAR10, width=2, growth=0.12), 2000).starts
    assert starts == (0, 40, 80, 120, 160, 200, 240, 2000)


def test_progans_levels_reset_the_optimisers_and_cost_more() -> None:
    game = built("progan.digits", width=2, growth=1.0)
    levels = course_of(game, 40).levels
    assert [level.number for level in levels] == [0, 1, 2, 3]
    assert all(level.resets == ("g", "d") for level in levels)
    assert [level.cost for level in levels] == pytest.approx([0.25, 0.4, 0.4, 1.0])
    assert game.level(Progress(40, 40)) == Level(4, cost=1.0, resets=("g", "d"))


@pytest.mark.parametrize(
    ("step", "level", "alpha"), [(0, 0, None), (15, 1, 0.5), (25, 1, None), (35, 2, 0.5), (60, 2, None)]
)
def test_progan_fades_in_images_and_features(step: int, level: int, alpha: float | None) -> None:
    game = built("progan.digits", width=2, growth=0.5)
    game.on_step(Progress(step, 80))
    batch = {"x": torch.randn(4, 1, 8, 8)}
    size = 2 * 2**level
    z = torch.randn(4, 64)
    images, g, d = game.generator.body(z), game.generator, game.discriminator
    fake = images[level]
    if alpha is not None:
        fake = alpha * fake + (1 - alpha) * interpolate(images[level - 1], scale_factor=2)
    assert torch.allclose(g(z), fake, atol=1e-6)
    assert torch.equal(game.generate(z), interpolate(g(z), (8, 8)).clamp(-1, 1))
    assert torch.equal(game.shown(fake, batch), fake)

    real = batch["x"].view(4, 1, size, 8 // size, size, 8 // size).mean((3, 5))
    if alpha is not None:
        real = alpha * real + (1 - alpha) * interpolate(avg_pool2d(real, 2), scale_factor=2)
    assert torch.allclose(game.shown(batch["x"], batch), real, atol=1e-6)

    def features(image: torch.Tensor, at: int) -> torch.Tensor:
        return leaky_relu(d.from_image[at](image), 0.2)

    x = features(fake, level)
    for at in range(level, 0, -1):
        x = d.blocks[at - 1](x)
        if alpha is not None and at == level:
            x = alpha * x + (1 - alpha) * features(avg_pool2d(fake, 2), level - 1)
    assert torch.allclose(game.judge(fake), d.end(x), atol=1e-5)


def test_progans_drift_keeps_the_logits_of_real_images_near_zero() -> None:
    game = built("progan.digits", width=2, drift=0.5, loss="wasserstein")
    terms = game.d_terms({}, torch.tensor([1.0, 3.0]), torch.tensor([0.5, 0.5]))
    assert terms["drift"].item() == pytest.approx(0.5 * (1 + 9) / 2)
    assert terms["loss"].item() == pytest.approx(0.5 - 2)
