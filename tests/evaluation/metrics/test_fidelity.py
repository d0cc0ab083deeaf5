"""torch-fidelity's metrics on features: known answers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganzoo.evaluation.metrics import fidelity


def gaussian(mean: Tensor, root: Tensor, n: int, seed: int) -> Tensor:
    """`n` points whose sample mean is `mean` and whose sample covariance is `root @ root.T`, exactly."""
    points = torch.randn(n, len(mean), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    points = points - points.mean(dim=0)
    whitened = torch.linalg.solve_triangular(torch.linalg.cholesky(points.T.cov()), points.T, upper=False).T
    return whitened @ root.T + mean


def test_the_frechet_distance_of_gaussians_with_known_moments_is_the_closed_form() -> None:
    generator = torch.Generator().manual_seed(0)
    mean_a, mean_b = torch.randn(2, 8, generator=generator, dtype=torch.float64)
    root_a, root_b = torch.randn(2, 8, 8, generator=generator, dtype=torch.float64)
    cov_a, cov_b = root_a @ root_a.T, root_b @ root_b.T
    values, vectors = torch.linalg.eigh(cov_a)
    half = vectors @ values.sqrt().diag() @ vectors.T
    # tr (A B)^(1/2) = tr (A^(1/2) B A^(1/2))^(1/2), whose argument is symmetric.
    cross = torch.linalg.eigvalsh(half @ cov_b @ half).clamp(min=0).sqrt().sum()
    expected = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross
    measured = fidelity.frechet_distance(gaussian(mean_a, root_a, 500, 1), gaussian(mean_b, root_b, 400, 2))
    assert measured == pytest.approx(expected.item(), rel=1e-9)


def test_distances_are_zero_and_precision_one_between_identical_sets() -> None:
    features = torch.randn(400, 16, dtype=torch.float64).relu()
    assert abs(fidelity.frechet_distance(features, features.clone())) < 1e-9
    assert fidelity.precision_recall(features, features.clone()) == (1.0, 1.0)


def test_float32_features_are_at_no_distance_from_themselves_either() -> None:
    features = torch.randn(400, 128, generator=torch.Generator().manual_seed(0)).relu()
    assert abs(fidelity.frechet_distance(features, features.clone())) < 1e-3


def test_the_order_of_samples_does_not_change_the_frechet_distance() -> None:
    a, b = torch.randn(2, 400, 16, dtype=torch.float64)
    assert fidelity.frechet_distance(a.flip(0), b) == pytest.approx(fidelity.frechet_distance(a, b), rel=1e-9)


def test_the_inception_score_of_certain_and_equally_frequent_classes_is_their_number() -> None:
    logits = 1000.0 * torch.eye(5, dtype=torch.float64).repeat(200, 1)
    # The splits are random, so classes are not exactly equally frequent in each.
    assert fidelity.inception_score(logits) == pytest.approx(5.0, rel=0.05)
    assert fidelity.inception_score(torch.zeros(1000, 5, dtype=torch.float64)) == pytest.approx(1.0)


@pytest.mark.parametrize(("n", "parts"), [(10_000, 10), (1438, 10), (359, 3), (10, 1)])
def test_small_sets_have_fewer_splits(n: int, parts: int) -> None:
    assert fidelity.splits(n) == parts
