"""The standard convolutional networks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganzoo.errors import GanzooError
from ganzoo.games import add_spectral_norm
from ganzoo.networks import NORMS, PlainDiscriminator, PlainGenerator


def weights(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_weights_of_the_paper_on_cifar10() -> None:
    # Miyato et al. 2018, table 3, layer by layer. Transposed convolutions have no bias before batch normalisation.
    g = 129 * 512 * 16 + 16 * (512 * 256 + 256 * 128 + 128 * 64) + 2 * (256 + 128 + 64) + (9 * 64 * 3 + 3)
    assert weights(PlainGenerator(128, (3, 32, 32))) == g == 3_811_907
    pairs = [(3, 64), (64, 128), (128, 256)]
    d = sum((9 * a * b + b) + (16 * b * b + b) for a, b in pairs) + (9 * 256 * 512 + 512) + (16 * 512 + 1)
    assert weights(PlainDiscriminator((3, 32, 32))) == d == 2_935_873


def test_batch_normalisation_replaces_the_biases_of_the_discriminator() -> None:
    plain, normed = PlainDiscriminator((3, 32, 32)), PlainDiscriminator((3, 32, 32), norm="batch")
    assert weights(normed) == weights(plain) + 2 * (64 + 128 + 256) + 512


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("size", [(8, 8), (12, 20), (28, 28), (32, 32), (48, 48)])
def test_sizes(size: tuple[int, int], norm: str) -> None:
    x = PlainGenerator(5, (2, *size), 4, norm=norm)(torch.randn(3, 5))
    assert x.shape == (3, 2, *size)
    assert x.abs().max() <= 1
    assert PlainDiscriminator((2, *size), 4, norm=norm)(x).shape == (3,)


def test_48_pixels_begin_with_6_as_in_the_paper() -> None:
    assert PlainGenerator(128, (3, 48, 48)).base == (512, 6, 6)


def test_the_generator_step_by_step() -> None:
    network = PlainGenerator(3, (1, 8, 8), 2, norm="none")
    z = torch.randn(4, 3)
    h = network.project(z).view(4, 8, 2, 2)
    first, second, last = (layer for layer in network.body if not isinstance(layer, nn.ReLU | nn.Tanh))
    assert torch.allclose(network(z), last(second(first(h).clamp(min=0)).clamp(min=0)).tanh(), atol=1e-6)


def test_spectral_norm_makes_every_layer_of_the_discriminator_1_lipschitz() -> None:
    network = PlainDiscriminator((1, 8, 8), 4)
    add_spectral_norm(network)
    for _ in range(50):
        network(torch.randn(2, 1, 8, 8))
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(layers) == 6
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2).item() == pytest.approx(1, abs=0.05)


def test_a_size_that_cannot_be_halved_is_refused() -> None:
    for make in (lambda: PlainGenerator(4, (3, 30, 30)), lambda: PlainDiscriminator((3, 30, 30))):
        with pytest.raises(GanzooError, match=r"data\.size="):
            make()
