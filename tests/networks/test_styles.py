"""Mapping network, modulated convolution and noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional

from ganzoo.errors import GanzooError
from ganzoo.networks import FIRUpsample, MappingNetwork, ModulatedConv2d, NoiseInjection


def by_hand(layer: ModulatedConv2d, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """One sample after the other, with a weight that is modulated and demodulated in plain numpy."""
    made = []
    styles = w.numpy() @ layer.affine.weight.detach().numpy().T / math.sqrt(w.shape[1]) + 1
    weight = layer.weight.detach().numpy()
    fan_out, fan_in, kernel, _ = weight.shape
    for sample, style in zip(x, styles, strict=True):
        own = weight / math.sqrt(fan_in * kernel**2) * style[None, :, None, None]
        if layer.demodulate:
            for channel in range(fan_out):
                own[channel] /= np.sqrt((own[channel] ** 2).sum() + 1e-8)
        plain = torch.from_numpy(own).to(x.dtype)
        if layer.up:
            big = functional.conv_transpose2d(sample[None], plain.transpose(0, 1), stride=2)
            taps = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 16
            filters = torch.from_numpy(taps).to(x.dtype).expand(fan_out, 1, 4, 4)
            made.append(functional.conv2d(big, filters, padding=(4 - kernel) if kernel == 3 else 0, groups=fan_out))
        else:
            made.append(functional.conv2d(sample[None], plain, padding=kernel // 2))
    return torch.cat(made)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("demodulate", [True, False])
def test_it_is_a_loop_over_samples_with_modulated_weights(demodulate: bool, up: bool, fused: bool) -> None:
    layer = ModulatedConv2d(3, 5, 3, 4, demodulate=demodulate, up=up, fused=fused).double()
    x, w = torch.randn(3, 3, 6, 5, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    y = layer(x, w)
    assert y.shape == ((3, 5, 12, 10) if up else (3, 5, 6, 5))
    assert torch.allclose(y, by_hand(layer, x, w), rtol=1e-5, atol=1e-6)


def test_a_pointwise_kernel() -> None:
    layer = ModulatedConv2d(4, 3, 1, 2, demodulate=False).double()
    x, w = torch.randn(2, 4, 3, 3, dtype=torch.float64), torch.randn(2, 2, dtype=torch.float64)
    assert torch.allclose(layer(x, w), by_hand(layer, x, w))


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(GanzooError, match=r"odd kernel, not 4: use 5"):
        ModulatedConv2d(2, 2, 4, 2)


def test_demodulated_outputs_have_the_variance_of_the_inputs() -> None:
    torch.manual_seed(0)
    layer = ModulatedConv2d(32, 32, 3, 8)
    y = layer(torch.randn(8, 32, 16, 16), 10 * torch.randn(8, 8))[:, :, 1:-1, 1:-1]
    assert y.std().item() == pytest.approx(1, rel=0.05)


def test_upsampling_of_a_constant_is_that_of_the_filter() -> None:
    # A kernel with one weight in the middle only: the layer is then the filter, moved by no pixel.
    layer = ModulatedConv2d(1, 1, 3, 2, demodulate=False, up=True)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 0, 1, 1] = 1 / layer.scale
        layer.affine.weight.zero_()
    x = torch.randn(2, 1, 5, 5)
    assert torch.allclose(layer(x, torch.randn(2, 2)), FIRUpsample()(x), atol=1e-6)


@pytest.mark.parametrize(("up", "fused"), [(False, True), (True, True), (False, False)])
def test_it_can_be_differentiated_twice(up: bool, fused: bool) -> None:
    layer = ModulatedConv2d(2, 2, 3, 2, up=up, fused=fused).double()
    x = torch.randn(2, 2, 2, 3, dtype=torch.float64, requires_grad=True)
    w = torch.randn(2, 2, dtype=torch.float64, requires_grad=True)
    assert gradcheck(layer, (x, w))
    assert gradgradcheck(layer, (x, w))


def test_the_mapping_network_has_the_weights_of_stylegan2() -> None:
    # StyleGAN2 (training/networks_stylegan2.py): eight layers of 512 x 512 with bias.
    assert sum(p.numel() for p in MappingNetwork(512).parameters()) == 8 * (512 * 512 + 512) == 2_101_248


def test_the_mapping_network_by_hand() -> None:
    network = MappingNetwork(3, 4, 2).eval()
    with torch.no_grad():
        for layer in network.layers:
            layer.bias.normal_()
    z = torch.randn(5, 3)
    w = z.numpy() / np.sqrt((z.numpy() ** 2).mean(1, keepdims=True) + 1e-8)
    for layer in network.layers:
        matrix, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        w = w @ matrix.T * 0.01 / math.sqrt(matrix.shape[1]) + bias * 0.01
        w = np.where(w > 0, w, 0.2 * w) * math.sqrt(2)
    assert np.allclose(network(z).detach().numpy(), w, atol=1e-5)
    # z has a direction only.
    assert torch.allclose(network(3 * z), network(z), atol=1e-5)


def test_the_mapping_network_takes_classes() -> None:
    network = MappingNetwork(3, 4, 2, classes=5)
    z = torch.randn(1, 3).expand(2, -1)
    w = network(z, torch.tensor([0, 4]))
    assert w.shape == (2, 4)
    assert not torch.allclose(w[0], w[1])


def test_truncation_moves_styles_towards_their_average() -> None:
    network = MappingNetwork(3, 4, 2, decay=0.0)
    z = torch.randn(6, 3)
    w = network(z)
    assert torch.allclose(network.average, w.mean(0), atol=1e-6)
    network.eval()
    assert torch.allclose(network(z, truncation=1.0), w, atol=1e-6)
    assert torch.allclose(network(z, truncation=0.0), w.mean(0).expand(6, -1), atol=1e-6)
    assert torch.allclose(network(z, truncation=0.5), (w + w.mean(0)) / 2, atol=1e-6)


def test_the_average_is_not_changed_in_evaluation() -> None:
    network = MappingNetwork(3, 4, 2).eval()
    network(torch.randn(6, 3))
    assert not network.average.any()


@pytest.mark.parametrize("channels", [0, 3])
def test_noise_is_one_number_per_pixel_times_the_strength(channels: int) -> None:
    layer, x = NoiseInjection(channels), torch.randn(2, 3, 4, 4)
    assert torch.equal(layer(x), x)
    with torch.no_grad():
        layer.strength.fill_(2.0)
    given = torch.randn(2, 1, 4, 4)
    assert torch.allclose(layer(x, given) - x, 2 * given.expand(-1, 3, -1, -1), atol=1e-6)
    torch.manual_seed(1)
    first = layer(x)
    torch.manual_seed(1)
    assert torch.equal(layer(x), first)
    assert torch.allclose((first - x)[:, 0], (first - x)[:, 2], atol=1e-6)
