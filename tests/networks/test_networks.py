"""The networks that variants share: shapes for every size, norm, kernel and kind of upsampling."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganzoo.errors import GanzooError
from ganzoo.networks import (
    NORMS,
    ConvDiscriminator,
    ConvGenerator,
    MLPDiscriminator,
    MLPGenerator,
    channel_ladder,
    normal_init,
    pyramid,
)


@pytest.mark.parametrize(
    ("size", "levels", "base"),
    [
        ((8, 8), 2, (2, 2)),
        ((12, 12), 2, (3, 3)),
        ((16, 16), 2, (4, 4)),
        ((28, 28), 2, (7, 7)),
        ((32, 32), 3, (4, 4)),
        ((40, 40), 3, (5, 5)),
        ((64, 64), 4, (4, 4)),
        ((96, 96), 4, (6, 6)),
        ((128, 128), 5, (4, 4)),
        ((16, 32), 2, (4, 8)),
        ((48, 32), 3, (6, 4)),
        ((8, 64), 2, (2, 16)),
    ],
)
def test_a_pyramid_ends_at_four_to_seven_pixels_or_after_two_halvings(
    size: tuple[int, int], levels: int, base: tuple[int, int]
) -> None:
    assert pyramid(size) == (levels, base)


@pytest.mark.parametrize("size", [(7, 7), (4, 64), (1, 1)])
def test_images_too_small_to_halve_twice_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(GanzooError, match=r"too small to halve twice: use --set data\.size=8 or more"):
        pyramid(size)


@pytest.mark.parametrize(("size", "near"), [((30, 30), 32), ((33, 33), 32), ((9, 9), 8), ((32, 33), 32)])
def test_images_that_do_not_halve_evenly_are_refused_with_a_size_that_does(size: tuple[int, int], near: int) -> None:
    with pytest.raises(GanzooError, match=rf"use --set data\.size={near}\."):
        pyramid(size)
    assert pyramid((near, near))


@pytest.mark.parametrize("side", range(8, 129))
def test_every_size_is_either_taken_whole_or_refused_with_a_size_that_is_taken(side: int) -> None:
    try:
        levels, (height, width) = pyramid((side, side))
    except GanzooError as error:
        suggested = int(str(error).rpartition("=")[2].rstrip("."))
        assert pyramid((suggested, suggested))
    else:
        assert height * 2**levels == width * 2**levels == side


def test_channels_double_to_at_most_eight_times_the_width() -> None:
    assert channel_ladder(3, 6) == [3, 6, 12, 24, 24, 24]


@pytest.mark.parametrize("norm", NORMS)
def test_hidden_layers_stand_between_vectors_and_feature_maps(norm: str) -> None:
    shape = (1, 8, 8)
    generator = ConvGenerator(5, shape, 4, norm=norm, hidden=[6, 7])
    discriminator = ConvDiscriminator(shape, 4, norm=norm, hidden=[9])
    sizes = {m.out_features for n in (generator, discriminator) for m in n.modules() if isinstance(m, nn.Linear)}
    assert {6, 7, 9} <= sizes
    assert discriminator(generator(torch.randn(3, 5))).shape == (3,)
    normalised = [m for m in generator.project.modules() if isinstance(m, (nn.BatchNorm1d, nn.LayerNorm))]
    assert len(normalised) == (0 if norm == "none" else 2)


@pytest.mark.parametrize("kernel", [3, 4, 5, 6, 7])
@pytest.mark.parametrize("up", ["transposed", "shuffle", "nearest"])
@pytest.mark.parametrize("norm", NORMS)
def test_convolutional_networks_take_and_give_the_datas_shape(norm: str, up: str, kernel: int) -> None:
    shape = (3, 16, 32)
    x = ConvGenerator(5, shape, 4, kernel=kernel, norm=norm, up=up)(torch.randn(2, 5))
    assert x.shape == (2, *shape)
    assert x.abs().max() <= 1
    logits = ConvDiscriminator(shape, 4, kernel=kernel, norm=norm)(x)
    assert logits.shape == (2,)
    assert logits.isfinite().all()


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64), (2, 24, 8)])
def test_convolutional_networks_are_built_for_every_size(shape: tuple[int, int, int]) -> None:
    x = ConvGenerator(5, shape, 2)(torch.randn(2, 5))
    assert x.shape == (2, *shape)
    assert ConvDiscriminator(shape, 2)(x).shape == (2,)


def test_a_discriminator_with_classes_returns_a_logit_and_one_per_class() -> None:
    x = torch.randn(2, 1, 8, 8)
    for hidden in ([], [9]):
        network = ConvDiscriminator((1, 8, 8), 2, norm="none", hidden=hidden, classes=3)
        output = network(x)
        assert output.shape == (2, 4)
        output.sum().backward()
        assert all(weight.grad is not None for weight in network.parameters())


@pytest.mark.parametrize(
    ("norm", "layer"), [("batch", nn.BatchNorm2d), ("instance", nn.InstanceNorm2d), ("layer", nn.GroupNorm)]
)
def test_the_norm_is_the_one_that_is_named(norm: str, layer: type) -> None:
    generator, discriminator = ConvGenerator(5, (1, 16, 16), 2, norm=norm), ConvDiscriminator((1, 16, 16), 2, norm=norm)
    assert any(isinstance(module, layer) for module in generator.modules())
    assert any(isinstance(module, layer) for module in discriminator.modules())


def test_without_a_norm_there_is_none_and_every_layer_has_a_bias() -> None:
    for network in (ConvGenerator(5, (1, 16, 16), 2, norm="none"), ConvDiscriminator((1, 16, 16), 2, norm="none")):
        for module in network.modules():
            assert not isinstance(module, (nn.BatchNorm2d, nn.InstanceNorm2d, nn.GroupNorm))
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                assert module.bias is not None


def test_the_first_layer_of_the_discriminator_and_the_last_of_the_generator_have_no_norm() -> None:
    discriminator, generator = ConvDiscriminator((1, 32, 32), 2), ConvGenerator(5, (1, 32, 32), 2)
    assert isinstance(discriminator.body[1], nn.LeakyReLU)
    assert isinstance(generator.body[-1], nn.Tanh)
    assert isinstance(generator.body[-2], nn.ConvTranspose2d)


@pytest.mark.parametrize("shape", [(2,), (1, 8, 8)])
def test_perceptrons_take_and_give_the_datas_shape(shape: tuple[int, ...]) -> None:
    x = MLPGenerator(5, (4,), shape)(torch.randn(3, 5))
    assert x.shape == (3, *shape)
    assert MLPDiscriminator(shape, (4, 4))(x).shape == (3,)


def test_a_bounded_perceptron_stays_within_one_and_an_unbounded_one_does_not() -> None:
    z = 1000 * torch.randn(64, 5)
    assert MLPGenerator(5, (4,), (2,), bounded=True)(z).abs().max() <= 1
    assert MLPGenerator(5, (4,), (2,), bounded=False)(z).abs().max() > 1


def test_a_perceptron_without_hidden_layers_is_linear() -> None:
    network = MLPDiscriminator((2,), ())
    assert [type(layer) for layer in network.body] == [nn.Linear]


def test_dcgans_initial_weights() -> None:
    torch.manual_seed(0)
    network = ConvGenerator(100, (3, 64, 64), 32)
    normal_init(network)
    weights = network.project.weight
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)
    assert weights.mean().item() == pytest.approx(0, abs=1e-4)
    scales = torch.cat([module.weight for module in network.modules() if isinstance(module, nn.BatchNorm2d)])
    assert scales.mean().item() == pytest.approx(1, abs=0.01)
    assert scales.std().item() == pytest.approx(0.02, rel=0.2)
    assert all((m.bias == 0).all() for m in network.modules() if getattr(m, "bias", None) is not None)
