"""Three-dimensional networks."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
import torch
from torch import nn

from ganzoo.errors import GanzooError
from ganzoo.networks import NORMS, VolumeDiscriminator, VolumeGenerator, volume_levels


def test_the_convolutions_are_those_of_3d_gan() -> None:
    # Wu et al. 2016, supplement: 512, 256, 128, 64 and 1 channels, 4x4x4 kernels, from 4^3 to 64^3.
    with torch.device("meta"):
        g, d = VolumeGenerator(200, (1, 64, 64, 64)), VolumeDiscriminator((1, 64, 64, 64))
        assert g(torch.empty(1, 200)).shape == (1, 1, 64, 64, 64)
        assert d(torch.empty(1, 1, 64, 64, 64)).shape == (1,)
    of_g = [tuple(layer.weight.shape) for layer in g.modules() if isinstance(layer, nn.ConvTranspose3d)]
    assert of_g == [(512, 256, 4, 4, 4), (256, 128, 4, 4, 4), (128, 64, 4, 4, 4), (64, 1, 4, 4, 4)]
    of_d = [tuple(layer.weight.shape) for layer in d.modules() if isinstance(layer, nn.Conv3d)]
    assert of_d == [(64, 1, 4, 4, 4), (128, 64, 4, 4, 4), (256, 128, 4, 4, 4), (512, 256, 4, 4, 4)]
    # A linear layer to 4^3 is the paper's first transposed convolution, of one voxel.
    ladder = [1, 64, 128, 256, 512]
    convolutions = sum(64 * a * b for a, b in pairwise(ladder))
    norms = 2 * sum(ladder[1:])
    assert sum(p.numel() for p in g.parameters()) == 200 * 512 * 64 + convolutions + norms + 1
    assert sum(p.numel() for p in d.parameters()) == convolutions + 2 * (128 + 256 + 512) + 64 + 512 * 64 + 1


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", [(1, 8, 8, 8), (3, 16, 32, 32), (3, 4, 16, 8), (2, 5, 12, 28), (3, 1, 16, 16)])
def test_networks_make_and_take_the_size(shape: tuple[int, ...], norm: str) -> None:
    x = VolumeGenerator(5, shape, 2, norm=norm)(torch.randn(2, 5))
    assert x.shape == (2, *shape)
    assert x.abs().max() <= 1
    logits = VolumeDiscriminator(shape, 2, norm=norm)(x)
    assert logits.shape == (2,)
    assert logits.isfinite().all()


def test_an_unbounded_generator_ends_without_tanh() -> None:
    assert isinstance(VolumeGenerator(5, (1, 8, 8, 8), 2, bounded=False).body[-1], nn.Identity)


def test_the_levels() -> None:
    assert volume_levels((64, 64, 64)) == ([(2, 2, 2)] * 4, (4, 4, 4))
    assert volume_levels((16, 64, 64)) == ([(2, 2, 2)] * 2 + [(1, 2, 2)] * 2, (4, 4, 4))
    assert volume_levels((3, 16, 8)) == ([(1, 2, 2), (1, 2, 1)], (3, 4, 4))


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        ((4, 7, 7), "volumes of 4x7x7 are too small to halve: at least one side must have 8 pixels or more."),
        ((16, 30, 32), "a side of 30 cannot be halved evenly 2 times: use 32."),
    ],
)
def test_sizes_that_cannot_be_made_are_refused(sides: tuple[int, ...], message: str) -> None:
    with pytest.raises(GanzooError, match=re.escape(message)):
        VolumeGenerator(5, (1, *sides))
    with pytest.raises(GanzooError, match=re.escape(message)):
        VolumeDiscriminator((1, *sides))
