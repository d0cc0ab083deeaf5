"""One-dimensional networks and phase shuffle."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from ganzoo.errors import GanzooError
from ganzoo.networks import NORMS, PhaseShuffle, SignalDiscriminator, SignalGenerator, signal_levels


def test_the_weights_of_wavegan() -> None:
    # Donahue et al. 2019, tables 3 and 4, with one channel and d = 64.
    ladder = [1, 64, 128, 256, 512, 1024]
    convolutions = [25 * a * b for a, b in pairwise(ladder)]
    with torch.device("meta"):
        g, d = SignalGenerator(100, (1, 16384)), SignalDiscriminator((1, 16384))
        assert g(torch.empty(2, 100)).shape == (2, 1, 16384)
        assert d(torch.empty(2, 1, 16384)).shape == (2,)
    assert sum(p.numel() for p in g.parameters()) == 101 * 16384 + sum(convolutions) + sum(ladder[:-1])
    assert sum(p.numel() for p in d.parameters()) == sum(convolutions) + sum(ladder[1:]) + 16384 + 1


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("kernel", "stride"), [(25, 4), (4, 4), (5, 2), (4, 2), (3, 3)])
@pytest.mark.parametrize("shape", [(1, 72), (3, 144)])
def test_networks_make_and_take_the_length(shape: tuple[int, int], kernel: int, stride: int, norm: str) -> None:
    x = SignalGenerator(5, shape, 2, kernel=kernel, stride=stride, norm=norm)(torch.randn(3, 5))
    assert x.shape == (3, *shape)
    assert x.abs().max() <= 1
    logits = SignalDiscriminator(shape, 2, kernel=kernel, stride=stride, norm=norm)(x)
    assert logits.shape == (3,)
    assert logits.isfinite().all()


def test_an_unbounded_generator_ends_without_tanh() -> None:
    assert isinstance(SignalGenerator(5, (1, 64), 2, bounded=False).body[-1], nn.Identity)


def test_phase_shuffle_follows_all_layers_but_the_last() -> None:
    network = SignalDiscriminator((1, 512), 2)
    shuffles = [index for index, layer in enumerate(network.body) if isinstance(layer, PhaseShuffle)]
    assert shuffles == [2, 5]
    assert not any(isinstance(layer, PhaseShuffle) for layer in SignalDiscriminator((1, 512), 2, shuffle=0).body)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_phase_shuffle_moves_each_sample_and_reflects(n: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(200, 2, 7)
    y = PhaseShuffle(n)(x)
    found = set()
    for sample, moved in zip(x, y, strict=True):
        padded = torch.nn.functional.pad(sample, (n, n), mode="reflect")
        fits = [k - n for k in range(2 * n + 1) if torch.equal(padded[:, k : k + 7], moved)]
        assert len(fits) == 1
        found.update(fits)
    assert found == set(range(-n, n + 1))


def test_phase_shuffle_is_for_training_only_and_follows_the_seed() -> None:
    layer, x = PhaseShuffle(), torch.randn(8, 2, 9)
    assert torch.equal(layer.eval()(x), x)
    layer.train()
    torch.manual_seed(1)
    first = layer(x)
    torch.manual_seed(1)
    assert torch.equal(layer(x), first)


@pytest.mark.parametrize(
    ("length", "stride", "expected"),
    [(16384, 4, (5, 16)), (65536, 4, (6, 16)), (64, 4, (1, 16)), (128, 4, (2, 8)), (100, 4, (1, 25)), (64, 2, (3, 8))],
)
def test_the_levels(length: int, stride: int, expected: tuple[int, int]) -> None:
    assert signal_levels(length, stride) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SignalGenerator(5, (1, 31)), "signals of 31 samples are too short for stride 4: 32 or more"),
        (lambda: SignalDiscriminator((1, 16000)), "use a length of 15360 or 16384, or another stride"),
        (lambda: SignalGenerator(5, (1, 64), kernel=3), "a kernel of 3 skips samples with stride 4: use 4 or more"),
    ],
)
def test_lengths_that_cannot_be_made_are_refused(make: Any, message: str) -> None:
    with pytest.raises(GanzooError, match=re.escape(message)):
        make()


def test_initial_weights_are_uniform_by_xaviers_rule() -> None:
    conv = SignalDiscriminator((1, 512), 16).body[3]
    bound = (6 / (25 * (16 + 32))) ** 0.5
    assert conv.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
    assert not conv.bias.any()
