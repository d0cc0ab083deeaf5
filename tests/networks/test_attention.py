"""Self-attention over pixels."""

from __future__ import annotations

import math

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from ganzoo.networks import SelfAttention


def awake(channels: int) -> SelfAttention:
    torch.manual_seed(0)
    layer = SelfAttention(channels).double()
    with torch.no_grad():
        layer.gamma.fill_(0.7)
    return layer


def test_it_begins_as_the_identity() -> None:
    x = torch.randn(2, 16, 6, 4)
    assert torch.equal(SelfAttention(16)(x), x)


@pytest.mark.parametrize("size", [(4, 6), (5, 3)])
def test_it_is_what_a_loop_over_pixels_computes(size: tuple[int, int]) -> None:
    layer, (height, width) = awake(8), size
    x = torch.randn(2, 8, height, width, dtype=torch.float64)
    with torch.no_grad():
        result = layer(x)
    query, key, value, output = (
        part.weight.detach()[:, :, 0, 0].tolist() for part in (layer.query, layer.key, layer.value, layer.output)
    )

    def times(matrix: list[list[float]], vector: list[float]) -> list[float]:
        return [math.fsum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]

    for image in range(2):
        pixel = [[x[image, :, i, j].tolist() for j in range(width)] for i in range(height)]
        keys, values = [], []
        for i in range(height // 2):
            for j in range(width // 2):
                four = [pixel[2 * i + a][2 * j + b] for a in (0, 1) for b in (0, 1)]
                keys.append([max(column) for column in zip(*(times(key, p) for p in four), strict=True)])
                values.append([max(column) for column in zip(*(times(value, p) for p in four), strict=True)])
        for i in range(height):
            for j in range(width):
                scores = [
                    math.exp(math.fsum(a * b for a, b in zip(times(query, pixel[i][j]), k, strict=True))) for k in keys
                ]
                mixed = [
                    math.fsum(s * v[c] for s, v in zip(scores, values, strict=True)) / sum(scores) for c in range(4)
                ]
                expected = [p + 0.7 * o for p, o in zip(pixel[i][j], times(output, mixed), strict=True)]
                assert result[image, :, i, j].tolist() == pytest.approx(expected, rel=1e-9)


def test_it_has_the_weights_of_the_paper() -> None:
    # Two of C x C/8, two of C x C/2, and gamma; no biases (the authors' code).
    assert sum(p.numel() for p in SelfAttention(64).parameters()) == 2 * 64 * 8 + 2 * 64 * 32 + 1


def test_it_can_be_differentiated_twice() -> None:
    layer = awake(4)
    x = torch.randn(1, 4, 2, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(layer, (x,))
    assert gradgradcheck(layer, (x,))
