"""Filtered resampling against scipy, and pixel shuffle."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck

from ganzoo.networks import Blur, BlurPool, FIRDownsample, FIRUpsample, fir_kernel, pixel_shuffle, upfirdn

TAPS = (1.0, 3.0, 3.0, 1.0)


def scipys(x: np.ndarray, taps: tuple[float, ...], up: int, down: int) -> np.ndarray:
    """The full two-dimensional result, one axis after the other."""
    h = np.array(taps) / np.sum(taps)
    return scipy.signal.upfirdn(h, scipy.signal.upfirdn(h, x, up, down, axis=2), up, down, axis=3)


@pytest.mark.parametrize("taps", [(1.0,), (1.0, 2.0, 1.0), TAPS, (1.0, 2.0, 5.0)])
@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2), (2, 3), (3, 2)])
def test_it_agrees_with_scipy(taps: tuple[float, ...], up: int, down: int) -> None:
    x = torch.randn(2, 3, 7, 6, dtype=torch.float64)
    edge = len(taps) - 1
    full = upfirdn(x, fir_kernel(taps).double(), up, down, (edge, edge)).numpy()
    expected = scipys(x.numpy(), taps, up, down)
    rows, columns = expected.shape[2:]
    # The zeros after the last pixel, which scipy does not insert, can only add rows of zeros.
    assert np.allclose(full[:, :, :rows, :columns], expected, atol=1e-6)
    assert np.allclose(full[:, :, rows:], 0)
    assert np.allclose(full[:, :, :, columns:], 0)


@pytest.mark.parametrize("taps", [(1.0, 1.0), (1.0, 2.0, 1.0), TAPS, (1.0, 4.0, 6.0, 4.0, 1.0)])
@pytest.mark.parametrize("factor", [2, 3])
def test_upsampling_and_downsampling_are_parts_of_scipys_result(taps: tuple[float, ...], factor: int) -> None:
    x = torch.randn(1, 2, 6, 12, dtype=torch.float64)
    if len(taps) >= factor:
        extra = len(taps) - factor
        first = len(taps) - 1 - ((extra + 1) // 2 + factor - 1)
        up = FIRUpsample(taps, factor)(x).numpy()
        expected = factor**2 * scipys(x.numpy(), taps, factor, 1)[:, :, first:, first:]
        shown = [min(a, b) for a, b in zip(up.shape[2:], expected.shape[2:], strict=True)]
        assert up.shape == (1, 2, 6 * factor, 12 * factor)
        assert np.allclose(up[:, :, : shown[0], : shown[1]], expected[:, :, : shown[0], : shown[1]], atol=1e-6)
        down = FIRDownsample(taps, factor)(x).numpy()
        first = len(taps) - 1 - (extra + 1) // 2
        expected = scipys(x.numpy(), taps, 1, 1)[:, :, first::factor, first::factor]
        assert down.shape == (1, 2, 6 // factor, 12 // factor)
        assert np.allclose(down, expected[:, :, : down.shape[2], : down.shape[3]], atol=1e-6)


def test_constant_images_stay_constant_away_from_the_edges() -> None:
    x = torch.ones(1, 1, 8, 8)
    for layer in (FIRUpsample(), FIRDownsample(), Blur(), Blur(TAPS)):
        y = layer(x)
        assert torch.allclose(y[:, :, 2:-2, 2:-2], torch.ones(()), atol=1e-6)
    assert torch.allclose(BlurPool()(x), torch.ones(()), atol=1e-6)


def test_blurring_keeps_the_size() -> None:
    for taps in ((1, 2, 1), TAPS, (1, 4, 6, 4, 1)):
        assert Blur(taps)(torch.randn(2, 3, 5, 8)).shape == (2, 3, 5, 8)


@pytest.mark.parametrize("taps", [(1, 2, 1), TAPS, (1, 4, 6, 4, 1)])
@pytest.mark.parametrize("size", [(8, 8), (7, 10)])
def test_blur_pool_reflects_at_the_edges(taps: tuple[float, ...], size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    edges = ((len(taps) - 1) // 2, len(taps) // 2)
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), edges, edges), mode="reflect")
    inner = slice(len(taps) - 1, 1 - len(taps) or None)
    expected = scipys(padded, taps, 1, 1)[:, :, inner, inner][:, :, ::2, ::2]
    y = BlurPool(taps)(x).numpy()
    assert y.shape == (2, 3, -(-size[0] // 2), -(-size[1] // 2))
    assert np.allclose(y, expected, atol=1e-6)


@pytest.mark.parametrize("layer", [FIRUpsample(), FIRDownsample(), BlurPool()])
def test_filters_can_be_differentiated_twice(layer: nn.Module) -> None:
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    layer = layer.double()
    assert gradcheck(layer, (x,))
    assert gradgradcheck(lambda x: layer(x).pow(3), (x,))


def test_filters_have_no_parameters_and_are_not_in_checkpoints() -> None:
    assert not list(FIRUpsample().parameters())
    assert not FIRUpsample().state_dict()


def test_pixel_shuffle_puts_the_channels_into_blocks_of_pixels() -> None:
    conv, shuffle = pixel_shuffle(3, 2, 3, kernel=5)
    x = torch.randn(1, 3, 4, 5)
    wide, y = conv(x), shuffle(conv(x))
    assert y.shape == (1, 2, 12, 15)
    for channel, row, column in np.ndindex(2, 3, 3):
        assert torch.equal(y[0, channel, row::3, column::3], wide[0, channel * 9 + row * 3 + column])
