"""stylegan2 and stylegan2-ada: their networks, path lengths, style mixing and averages, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from bundled import CIFAR10, built, recipe_of, weights
from torch import Tensor, nn

from ganzoo.networks import FIRDownsample
from ganzoo.recipes import DataSpec, at_step


def test_stylegan2_has_the_weights_of_the_authors_networks() -> None:
    # Printed by the authors' code for FFHQ at 1024 pixels (config F): 30,370,060 and 29,012,513.
    large = DataSpec("folder", "image", (3, 1024, 1024))
    game = built("stylegan2.folder", large, "meta", mapping=8, channel_base=32768)
    assert (weights(game.generator), weights(game.discriminator)) == (30_370_060, 29_012_513)


def test_stylegan2s_networks_for_cifar10_layer_by_layer() -> None:
    game = built("stylegan2.cifar10", CIFAR10, "meta")
    conv, affine, map_layer = 9 * 512 * 512, 512 * 512 + 512, 512 * 512 + 512
    mapping = 10 * 512 + (1024 * 512 + 512) + map_layer
    # Seven layers, each with an affine map, a weight, a bias and a strength of noise; four images.
    g = mapping + 512 * 16 + 7 * (affine + conv + 512 + 1) + 4 * (affine + 512 * 3 + 3)
    assert weights(game.generator) == g
    d = (3 * 512 + 512) + 3 * 2 * (conv + 512) + (9 * 513 * 512 + 512) + (512 * 16 * 512 + 512) + (512 * 512 + 512)
    assert weights(game.discriminator) == d + 10 * 512 + 8 * map_layer


def test_stylegan2s_path_length_is_the_norm_of_the_gradient_by_hand() -> None:
    game = built("stylegan2.digits", path_weight=2.0)
    slopes = torch.tensor([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]])

    class Linear(nn.Module):
        scale = nn.Parameter(torch.ones(()))

        def styles(self, z: Tensor, y: Tensor | None = None) -> Tensor:
            return torch.ones(len(z), 3, 2, requires_grad=True)

        def synthesise(self, w: Tensor) -> Tensor:
            return self.scale * (w * slopes).sum((1, 2)).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)

    game.players["g"] = Linear()
    torch.manual_seed(1)
    terms = game.path_length({"x": torch.zeros(4, 1, 8, 8)})
    torch.manual_seed(1)
    game.draw_latent(4)
    # The image is the same everywhere, so its random weights add up; each sample has one number.
    sums = torch.randn(4, 1, 8, 8).sum((1, 2, 3)) / 8
    lengths = sums.abs() * math.sqrt((3**2 + 4**2) / 3)
    mean = 0.01 * lengths.mean()
    assert terms["length"].item() == pytest.approx(lengths.mean().item(), rel=1e-5)
    assert terms["loss"].item() == pytest.approx(2 * (lengths - mean).square().mean().item(), rel=1e-5)
    assert game.path_mean.item() == pytest.approx(mean.item(), rel=1e-5)
    terms["loss"].backward()
    assert Linear.scale.grad is not None


def test_stylegan2_mixes_the_styles_of_two_latents_in_training_only() -> None:
    game = built("stylegan2.digits", mixing=1.0, conditional=False)
    g, z = game.generator, torch.randn(4, game.latent)
    own = g.mapping(z)
    w = g.train().styles(z)
    assert w.shape == (4, 4, game.recipe.style)
    same = [torch.allclose(w[:, layer], own) for layer in range(4)]
    assert same[0]
    assert not same[-1]
    # The other latent's styles are those of all later layers.
    first = same.index(False)
    assert not any(same[first:])
    assert all(torch.equal(w[:, first], w[:, layer]) for layer in range(first, 4))
    assert all(torch.allclose(g.eval().styles(z)[:, layer], own) for layer in range(4))


def test_stylegan2_truncates_styles_towards_their_average() -> None:
    game = built("stylegan2.digits")
    game.generator.mapping.average.normal_()
    with game.for_sampling(averaged=False):
        assert torch.allclose(game.sample(3, truncation=0.0)[0], game.sample(3, truncation=0.0)[1])
        torch.manual_seed(0)
        full = game.sample(3)
        torch.manual_seed(0)
        assert torch.allclose(game.sample(3, truncation=1.0), full, atol=1e-5)


def test_stylegan2_filters_before_it_halves() -> None:
    down = built("stylegan2.digits", residual=False).discriminator.body[0]
    channels = down.conv1.weight.shape[0]
    for conv in (down.conv1, down.conv2):
        conv.weight.data.zero_()
        # The identity, where each has the same number of channels; the gain of the leaky ReLU is divided out.
        for channel in range(channels):
            conv.weight.data[channel, channel, 1, 1] = 1 / conv.scale / math.sqrt(2)
    x = torch.rand(2, channels, 8, 8)
    assert torch.allclose(down(x)[:, :channels], FIRDownsample()(x), atol=1e-5)


def test_stylegan2_corrects_both_learning_rates_for_what_is_lazy() -> None:
    recipe = recipe_of("stylegan2.folder")
    g, d = recipe.optimiser("g"), recipe.optimiser("d")
    assert (g.lr, g.betas[1]) == (pytest.approx(recipe.g.lr * 4 / 5), pytest.approx(0.99 ** (4 / 5)))
    assert (d.lr, d.betas[1]) == (pytest.approx(recipe.d.lr * 16 / 17), pytest.approx(0.99 ** (16 / 17)))
    assert recipe_of("stylegan2.folder", path_weight=0.0).optimiser("g") == recipe.g
    # The authors' code corrects G's even where there is no path length regularisation.
    g = recipe_of("stylegan2.cifar10").optimiser("g")
    assert (g.lr, g.betas[1]) == (pytest.approx(0.0025 * 4 / 5), pytest.approx(0.99 ** (4 / 5), abs=1e-6))


@pytest.mark.parametrize("images", [640_000, 3_200_000, 10_000_000, 64_000_000])
def test_stylegan2s_average_for_cifar10_has_the_authors_ramp(images: int) -> None:
    recipe = recipe_of("stylegan2.cifar10")
    now = at_step(recipe, images // recipe.batch, recipe.steps)
    assert now.ema == pytest.approx(0.5 ** (recipe.batch / min(500_000, images * 0.05)), abs=1e-5)


def test_stylegan2_judges_an_image_by_its_mapped_class() -> None:
    game = built("stylegan2.digits")
    d, x, y = game.discriminator, torch.randn(4, 1, 8, 8), torch.tensor([0, 3, 3, 9])
    vectors = d.mapping.norm(d.mapping.embed.weight)
    layer = d.mapping.layers[0]
    mapped = nn.functional.leaky_relu(layer(vectors), 0.2) * math.sqrt(2)
    found = []
    d.head.register_forward_hook(lambda module, inputs, output: found.append(output))
    logits = game.look(x, y)
    assert torch.allclose(logits, (found[0] * mapped[y]).sum(1) / math.sqrt(mapped.shape[1]), atol=1e-5)
