"""Layers with an equalised learning rate, and pixel normalisation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from ganzoo.games import add_spectral_norm
from ganzoo.networks import EqualisedConv2d, EqualisedLinear, PixelNorm


@pytest.mark.parametrize(("gain", "multiplier"), [(1.0, 1.0), (math.sqrt(2), 1.0), (1.0, 0.01)])
def test_a_linear_layer_scales_its_weight_when_it_is_used(gain: float, multiplier: float) -> None:
    layer = EqualisedLinear(5, 3, bias_init=0.5, gain=gain, lr_multiplier=multiplier)
    x = torch.randn(4, 5)
    weight = layer.weight.detach().numpy() * gain / math.sqrt(5) * multiplier
    expected = x.numpy() @ weight.T + 0.5
    assert np.allclose(layer(x).detach().numpy(), expected, atol=1e-5)


def test_a_convolution_scales_its_weight_when_it_is_used() -> None:
    layer = EqualisedConv2d(4, 6, 3, stride=2, gain=math.sqrt(2))
    x = torch.randn(2, 4, 8, 8)
    expected = functional.conv2d(x, layer.weight * math.sqrt(2 / (4 * 9)), stride=2, padding=1)
    assert torch.allclose(layer(x), expected, atol=1e-5)


@pytest.mark.parametrize("multiplier", [1.0, 0.01])
def test_stored_weights_are_standard_normal_and_activations_keep_their_variance(multiplier: float) -> None:
    torch.manual_seed(0)
    layer = EqualisedLinear(400, 400, lr_multiplier=multiplier)
    assert layer.weight.std().item() * multiplier == pytest.approx(1, rel=0.01)
    assert layer(torch.randn(200, 400)).std().item() == pytest.approx(1, rel=0.02)
    assert EqualisedConv2d(64, 64)(torch.randn(4, 64, 16, 16)).std().item() == pytest.approx(1, rel=0.1)


def test_a_step_of_adam_moves_a_slow_layer_less() -> None:
    moved = []
    for multiplier in (1.0, 0.01):
        torch.manual_seed(0)
        layer = EqualisedLinear(8, 8, lr_multiplier=multiplier)
        x = torch.randn(4, 8)
        before = layer(x).detach()
        optimiser = torch.optim.Adam(layer.parameters(), lr=1e-3)
        layer(x).sum().backward()
        optimiser.step()
        moved.append((layer(x) - before).abs().mean().item())
    assert moved[1] == pytest.approx(0.01 * moved[0], rel=0.01)


def test_layers_without_bias_have_one_parameter() -> None:
    for layer in (EqualisedLinear(2, 3, bias=False), EqualisedConv2d(2, 3, bias=False)):
        assert [name for name, _ in layer.named_parameters()] == ["weight"]


def test_spectral_normalisation_comes_before_the_scale() -> None:
    layer = EqualisedLinear(16, 16, bias=False)
    add_spectral_norm(layer)
    for _ in range(50):
        product = layer(torch.eye(16))
    assert torch.linalg.matrix_norm(product, 2).item() == pytest.approx(1 / 4, rel=1e-2)


@pytest.mark.parametrize("shape", [(3, 5), (2, 5, 3, 4)])
def test_pixel_norm_gives_each_pixel_a_mean_square_of_one(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape) * 7
    y = PixelNorm()(x)
    assert torch.allclose(y.square().mean(1), torch.ones(shape[:1] + shape[2:]), atol=1e-5)
    assert np.allclose(y.numpy(), x.numpy() / np.sqrt((x.numpy() ** 2).mean(1, keepdims=True)), atol=1e-5)
