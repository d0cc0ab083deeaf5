"""Normalisation with a condition, against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ganzoo.errors import GanzooError
from ganzoo.networks import AdaptiveInstanceNorm, ConditionalBatchNorm, SPADENorm


def normalised(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


def test_conditional_batch_norm_by_classes() -> None:
    layer = ConditionalBatchNorm(3, classes=4)
    for table in (layer.gain, layer.bias):
        nn.init.normal_(table)
    x, y = torch.randn(5, 3, 4, 2), torch.tensor([0, 3, 1, 1, 2])
    gain, bias = layer.gain.detach().numpy(), layer.bias.detach().numpy()
    expected = normalised(x.numpy(), (0, 2, 3)) * (1 + gain[y])[:, :, None, None] + bias[y][:, :, None, None]
    assert np.allclose(layer(x, y).detach().numpy(), expected, atol=1e-5)


def test_conditional_batch_norm_by_a_vector() -> None:
    layer = ConditionalBatchNorm(3, features=2)
    for linear in (layer.gain, layer.bias):
        nn.init.normal_(linear.weight)
    x, v = torch.randn(5, 3, 4, 2), torch.randn(5, 2)
    gain, bias = (v.numpy() @ part.weight.detach().numpy().T for part in (layer.gain, layer.bias))
    expected = normalised(x.numpy(), (0, 2, 3)) * (1 + gain)[:, :, None, None] + bias[:, :, None, None]
    assert np.allclose(layer(x, v).detach().numpy(), expected, atol=1e-5)


def test_at_first_it_is_batch_norm_for_every_class() -> None:
    layer, x = ConditionalBatchNorm(4, classes=3), torch.randn(6, 4, 3, 3)
    assert torch.allclose(layer(x, torch.tensor([0, 1, 2, 0, 1, 2])), nn.BatchNorm2d(4)(x), atol=1e-6)


def test_at_first_linear_conditions_are_orthogonal() -> None:
    layer = ConditionalBatchNorm(8, features=3)
    for linear in (layer.gain, layer.bias):
        assert torch.allclose(linear.weight.t() @ linear.weight, torch.eye(3), atol=1e-5)


def test_it_has_running_statistics() -> None:
    layer, x = ConditionalBatchNorm(2, classes=2), 3 + torch.randn(64, 2, 4, 4)
    y = torch.zeros(64, dtype=torch.long)
    for _ in range(100):
        layer(x, y)
    assert layer.eval()(x[:1], y[:1]).mean().abs() < 1


@pytest.mark.parametrize("condition", [{}, {"classes": 2, "features": 2}])
def test_exactly_one_condition_is_given(condition: dict[str, int]) -> None:
    with pytest.raises(GanzooError, match="either"):
        ConditionalBatchNorm(3, **condition)


def test_adaptive_instance_norm() -> None:
    layer = AdaptiveInstanceNorm(3, 5)
    x, style = torch.randn(2, 3, 4, 6), torch.randn(2, 5)
    weights = [part.weight.detach().numpy() / np.sqrt(5) for part in (layer.scale, layer.shift)]
    scale, shift = style.numpy() @ weights[0].T + 1, style.numpy() @ weights[1].T
    expected = normalised(x.numpy(), (2, 3)) * scale[:, :, None, None] + shift[:, :, None, None]
    assert np.allclose(layer(x, style).detach().numpy(), expected, atol=1e-4)


@pytest.mark.parametrize(("norm", "axes"), [("batch", (0, 2, 3)), ("instance", (2, 3))])
def test_spade_with_a_pointwise_kernel(norm: str, axes: tuple[int, ...]) -> None:
    layer = SPADENorm(3, 4, hidden=5, kernel=1, norm=norm)
    for part in (layer.shared, layer.scale, layer.shift):
        nn.init.normal_(part.weight)
        nn.init.normal_(part.bias)
    x, labels = torch.randn(2, 3, 2, 3), torch.randn(2, 4, 4, 6)

    def pointwise(conv: nn.Conv2d, maps: np.ndarray) -> np.ndarray:
        mixed = np.einsum("oc,nchw->nohw", conv.weight.detach().numpy()[:, :, 0, 0], maps)
        return mixed + conv.bias.detach().numpy()[:, None, None]

    hidden = np.maximum(pointwise(layer.shared, labels.numpy()[:, :, ::2, ::2]), 0)
    expected = normalised(x.numpy(), axes) * (1 + pointwise(layer.scale, hidden)) + pointwise(layer.shift, hidden)
    assert np.allclose(layer(x, labels).detach().numpy(), expected, atol=1e-4)


def test_an_unknown_normalisation_of_spade_is_refused() -> None:
    with pytest.raises(GanzooError, match=r"unknown normalisation of SPADE 'bach': did you mean batch\?"):
        SPADENorm(3, 4, norm="bach")


def test_the_weights_of_spade_are_those_of_three_convolutions() -> None:
    # Authors' code, SPADE(norm_nc=64, label_nc=35): 128 hidden channels, 3x3, biases, no other parameters.
    expected = (35 * 9 + 1) * 128 + 2 * (128 * 9 + 1) * 64
    assert sum(p.numel() for p in SPADENorm(64, 35).parameters()) == expected
