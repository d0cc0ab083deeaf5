"""Scores of points: which of them see that samples are bad, and how they decide what is best."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from kinds import POINTS
from torch import Tensor

from ganzoo.data import points
from ganzoo.data.dataset import Dataset
from ganzoo.data.samples import Samples
from ganzoo.evaluation.metrics.points import gaussian_mmd, kernel_discrepancy
from ganzoo.recipes import Data

SEEDS = range(1)


@functools.cache
def load(kind: str, split: str) -> Dataset:
    return points.load(Data(name="points", kind=kind), Path(), split)


def score(fake: Tensor, kind: str) -> float:
    data = Data(name="points", kind=kind)

    samples = Samples(fake, None, load(kind, "train").spec, data, Path(), 0, lambda split: load(kind, split), POINTS)
    return kernel_discrepancy(samples)["MMD"]


def perfect(kind: str, seed: int) -> Tensor:
    """2,500 points that are distributed as the data are."""
    train = load(kind, "train")
    rows = torch.randperm(train.count, generator=torch.Generator().manual_seed(seed))[:2500]
    return train.batch(rows)["x"]


def with_noise(x: Tensor, fraction: float, seed: int) -> Tensor:
    """Some of the points anywhere in the frame of the others."""
    generator = torch.Generator().manual_seed(seed)
    noisy, count = x.clone(), int(fraction * len(x))
    low, high = x.amin(0) - 0.5, x.amax(0) + 0.5
    noisy[:count] = low + (high - low) * torch.rand(count, x.shape[1], generator=generator)
    return noisy


@pytest.mark.parametrize("kind", ["ring", "moons"])
def test_what_decides_the_best_state_falls_for_noise_blur_and_missing_parts(kind: str) -> None:
    assert POINTS.criteria == ("mmd",)
    good = max(score(perfect(kind, seed), kind) for seed in SEEDS)
    for seed in SEEDS:
        x = perfect(kind, seed)
        scale = x.std()
        assert score(with_noise(x, 0.1, seed), kind) > score(x, kind)
        assert score(with_noise(x, 0.3, seed), kind) > good
        assert (
            score(x + 0.15 * scale * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)), kind) > good
        )
        assert score(x[x[:, 0] < x[:, 0].quantile(0.75)], kind) > good


def test_more_noise_is_worse() -> None:
    x = perfect("ring", 0)
    values = [score(with_noise(x, fraction, 1), "ring") for fraction in (0.0, 0.1, 0.2, 0.4, 0.8)]
    assert values == sorted(values)


def test_it_is_the_unbiased_estimate_written_out() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 2)), rng.normal(size=(4, 2))
    pairs = [np.linalg.norm(p - q) for p in b for q in b]
    width = np.median(pairs) / 16

    def k(p: np.ndarray, q: np.ndarray) -> float:
        return float(np.exp(-((p - q) ** 2).sum() / (2 * width**2)))

    first = sum(k(a[i], a[j]) for i in range(5) for j in range(5) if i != j) / 20
    second = sum(k(b[i], b[j]) for i in range(4) for j in range(4) if i != j) / 12
    cross = sum(k(p, q) for p in a for q in b) / 20
    value, _ = gaussian_mmd(torch.from_numpy(a), torch.from_numpy(b), float(width))
    assert value == pytest.approx(first + second - 2 * cross, abs=1e-12)
