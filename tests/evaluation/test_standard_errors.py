"""Standard errors: equal to leaving groups out by brute force, and as large as scores really vary."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from ganzoo.evaluation import standard_errors as errors
from ganzoo.evaluation.features.extraction import Features
from ganzoo.evaluation.metrics import fidelity, kernel_distances
from ganzoo.evaluation.metrics.manifold import density_and_coverage


def draw(n: int, seed: int, dimensions: int = 6) -> Tensor:
    return torch.randn(n, dimensions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_groups_contain_every_sample_once_and_are_almost_equally_large() -> None:
    groups = errors.groups_of(107)
    assert torch.cat(groups).sort().values.tolist() == list(range(107))
    assert {len(group) for group in groups} == {5, 6}
    assert len(errors.groups_of(7)) == 7


def test_leaving_out_single_samples_gives_the_standard_error_of_a_mean() -> None:
    x = draw(40, 0)[:, 0]
    value = errors.by_leaving_out(40, lambda rows: x[rows].mean().item(), groups=40)
    assert value == pytest.approx(x.std().item() / math.sqrt(40))
    assert errors.of_mean(x) == pytest.approx(value)
    p = (x > 0).double().mean().item()
    assert errors.of_fraction(p, 40) == pytest.approx(math.sqrt(p * (1 - p) / 40))


@pytest.mark.parametrize("dimensions", [6, 300])
def test_that_of_the_frechet_distance_is_what_torch_fidelity_gives_without_each_group(dimensions: int) -> None:
    fake, real = draw(400, 1, dimensions) * 1.3 + 5, draw(500, 2, dimensions) + 5
    groups = 20 if dimensions <= 256 else 10
    wanted = errors.by_leaving_out(400, lambda rows: fidelity.frechet_distance(fake[rows], real), groups)
    assert errors.of_frechet_distance(fake, real) == pytest.approx(wanted, rel=1e-5)


def test_that_of_the_inception_score_is_what_a_single_split_gives_without_each_group() -> None:
    logits = 3 * draw(300, 1, 5)

    def single_split(rows: Tensor) -> float:
        p = logits[rows].softmax(1)
        return float((p * (p / p.mean(0)).log()).sum(1).mean().exp())

    assert errors.of_inception_score(logits) == pytest.approx(errors.by_leaving_out(300, single_split))


def direct_mmd(fake: Tensor, real: Tensor) -> float:
    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1) ** 3

    n, m = len(fake), len(real)
    own = (kernel(fake, fake).sum() - kernel(fake, fake).trace()) / (n * (n - 1))
    among_real = (kernel(real, real).sum() - kernel(real, real).trace()) / (m * (m - 1))
    return float(own + among_real - 2 * kernel(fake, real).mean())


def test_the_kernel_distance_is_over_all_pairs_and_its_error_leaves_groups_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernel_distances, "ROWS", 7)
    fake, real = draw(130, 1) * 1.2, draw(90, 2)
    value, error = kernel_distances.of_samples(fake, Features(real, None))
    assert value == pytest.approx(direct_mmd(fake, real), rel=1e-9)
    assert error == pytest.approx(errors.by_leaving_out(130, lambda rows: direct_mmd(fake[rows], real)), rel=1e-6)


def test_a_real_set_that_is_too_large_for_all_pairs_is_represented_by_a_fixed_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernel_distances, "MAX_REAL", 50)
    fake, real = draw(130, 1), draw(90, 2)
    found = [kernel_distances.of_samples(fake, Features(real, None)) for _ in range(2)]
    assert found[0] == found[1]
    assert found[0][0] != pytest.approx(direct_mmd(fake, real), rel=1e-9)


def kernel_distance(fake: Tensor, real: Features) -> tuple[float, float]:
    value, error = kernel_distances.of_samples(fake, real)
    return value, error


def frechet(fake: Tensor, real: Features) -> tuple[float, float]:
    return fidelity.frechet_distance(fake, real.features), errors.of_frechet_distance(fake, real.features)


def inception(fake: Tensor, real: Features) -> tuple[float, float]:
    return fidelity.inception_score(2 * fake), errors.of_inception_score(2 * fake)


def density(fake: Tensor, real: Features) -> tuple[float, float]:
    found = density_and_coverage(fake, real)
    return found[0], found[2]


def coverage(fake: Tensor, real: Features) -> tuple[float, float]:
    found = density_and_coverage(fake, real)
    return found[1], found[3]


def precision(fake: Tensor, real: Features) -> tuple[float, float]:
    value = fidelity.precision_recall(fake, real.features)[0]
    return value, errors.of_fraction(value, len(fake))


@pytest.mark.parametrize("score", [kernel_distance, frechet, inception, density, coverage, precision])
def test_standard_errors_are_as_large_as_scores_of_other_samples_vary(
    score: Callable[[Tensor, Features], tuple[float, float]],
) -> None:
    real = Features(draw(500, 0), None)
    found = np.array([score(1.1 * draw(300, seed) + 0.2, real) for seed in range(1, 81)])
    ratio = np.sqrt(np.square(found[:, 1]).mean()) / found[:, 0].std(ddof=1)
    # The standard deviation of 80 values is itself known to 8 %; a jackknife is a little conservative.
    assert 0.75 < ratio < 1.35


def test_coverage_of_a_perfect_generator_is_that_of_real_data_only_for_equal_numbers() -> None:
    train = Features(draw(1438, 0), None)
    held_out = [density_and_coverage(draw(359, seed), train)[1] for seed in range(1, 6)]
    perfect = [density_and_coverage(draw(359, seed), train)[1] for seed in range(6, 11)]
    more = density_and_coverage(draw(1438, 11), train)[1]
    assert np.mean(perfect) == pytest.approx(np.mean(held_out), abs=0.03)
    assert more > np.mean(held_out) + 0.2
