"""Density and coverage: the definition, known values, and bounded memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from ganzoo.evaluation.features.extraction import Features
from ganzoo.evaluation.metrics import manifold


def draw(n: int, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift


def density_and_coverage(fake: Tensor, real: Tensor) -> tuple[float, float]:
    return manifold.density_and_coverage(fake, Features(real, None))[:2]


def by_definition(fake: Tensor, real: Tensor, k: int) -> tuple[float, float]:
    """Naeem et al. 2020, equations 4 and 5, ball by ball."""
    count, covered = 0, 0
    for i, centre in enumerate(real.numpy()):
        others = np.sort(cdist([centre], np.delete(real.numpy(), i, axis=0))[0])
        inside = int((cdist([centre], fake.numpy())[0] < others[k - 1]).sum())
        count += inside
        covered += inside > 0
    return count / (k * len(fake)), covered / len(real)


@pytest.mark.parametrize("at_once", [10_000_000, 700])
def test_density_and_coverage_follow_their_definition(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifold, "MAX_DISTANCES", at_once)
    fake, real = draw(80, 1, 0.5), draw(120, 2)
    assert density_and_coverage(fake, real) == pytest.approx(by_definition(fake, real, 5))


def test_identical_sets_have_density_and_coverage_one() -> None:
    real = draw(200, 0)
    # Rounding decides whether a neighbour exactly on the edge of a ball is inside.
    assert density_and_coverage(real.clone(), real) == (pytest.approx(1.0, abs=0.03), 1.0)


def test_two_draws_of_one_distribution_are_covered_as_expected_and_distant_sets_not_at_all() -> None:
    real, fake = draw(1500, 1), draw(1500, 2)
    density, coverage = density_and_coverage(fake, real)
    assert density == pytest.approx(1.0, abs=0.05)
    # Naeem et al. 2020, lemma 2: 1 - 2^-k for as many fake as real ones.
    assert coverage == pytest.approx(1 - 2**-5, abs=0.02)
    assert density_and_coverage(fake + 100, real) == (0.0, 0.0)


def test_one_outlier_among_the_real_ones_does_not_make_noise_look_real() -> None:
    real = torch.cat([draw(300, 1), torch.full((1, 5), 40.0, dtype=torch.float64)])
    noise = draw(300, 2, shift=30.0)
    assert density_and_coverage(noise, real)[0] < 0.25


def test_the_order_of_samples_changes_nothing() -> None:
    fake, real = draw(80, 1), draw(90, 2)
    order = torch.randperm(80, generator=torch.Generator().manual_seed(0))
    assert density_and_coverage(fake[order], real) == density_and_coverage(fake, real)


def test_no_more_distances_are_held_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifold, "MAX_DISTANCES", 700)
    assert max(part.numel() for part in manifold._distances(draw(50, 1), draw(60, 2))) <= 700
