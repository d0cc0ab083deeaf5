"""Standard errors: equal to leaving groups out by brute force, and as large as scores really vary."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from ganzoo.data import points as data_points
from ganzoo.evaluation import standard_errors as errors
from ganzoo.evaluation.features.extraction import Features
from ganzoo.evaluation.metrics import fidelity, kernel_distances
from ganzoo.evaluation.metrics.manifold import density_and_coverage
from ganzoo.evaluation.metrics.per_class import error_of_mean_distance, mean_distance
from ganzoo.evaluation.metrics.points import count_modes, gaussian_mmd, potential, root_mean, transport, transport_error


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


def corrected(score: Callable[[Tensor], float], n: int, groups: int = 20) -> float:
    """The corrected standard error of a score of rows, from all rows without one and without two groups."""
    parts = errors.groups_of(n, groups)

    def without(*left_out: int) -> float:
        return score(torch.cat([rows for number, rows in enumerate(parts) if number not in left_out]))

    single = [without(number) for number in range(groups)]
    q = [
        groups * without() - (groups - 1) * (single[i] + single[j]) + (groups - 2) * without(i, j)
        for i in range(groups)
        for j in range(i)
    ]
    pairs = np.square(np.array(q) - np.mean(q)).sum() / (groups - 2) ** 2
    counted = errors.jackknife(single) ** 2
    return math.sqrt(max(counted - pairs, counted * (groups - 1) ** 3 / (2 * groups**3)))


def test_a_mean_needs_no_correction() -> None:
    x = draw(100, 0)[:, 0]
    found = corrected(lambda rows: x[rows].mean().item(), 100)
    assert found == pytest.approx(errors.by_leaving_out(100, lambda rows: x[rows].mean().item()))


@pytest.mark.parametrize("dimensions", [6, 300])
def test_that_of_the_frechet_distance_is_what_torch_fidelity_gives_without_each_group(dimensions: int) -> None:
    fake, real = draw(400, 1, dimensions) * 1.3 + 5, draw(500, 2, dimensions) + 5

    def score(rows: Tensor) -> float:
        return fidelity.frechet_distance(fake[rows], real)

    wanted = corrected(score, 400) if dimensions <= 256 else errors.by_leaving_out(400, score, 10)
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
    assert error == pytest.approx(corrected(lambda rows: direct_mmd(fake[rows], real), 130), rel=1e-6)


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


def ratio_to_redraws(found: list[tuple[float, float]]) -> float:
    """The estimates over the standard deviation of the scores of as many independent draws."""
    drawn = np.array(found)
    return float(np.sqrt(np.square(drawn[:, 1]).mean()) / drawn[:, 0].std(ddof=1))


@pytest.mark.parametrize("score", [kernel_distance, frechet, inception, density, coverage, precision])
def test_standard_errors_are_as_large_as_scores_of_other_samples_vary(
    score: Callable[[Tensor, Features], tuple[float, float]],
) -> None:
    real = Features(draw(500, 0), None)
    found = [score(1.1 * draw(300, seed) + 0.2, real) for seed in range(1, 81)]
    # The standard deviation of 80 values is itself known to 8 %; a jackknife is a little conservative.
    assert 0.75 < ratio_to_redraws(found) < 1.35


@pytest.mark.parametrize("score", [kernel_distance, frechet])
def test_they_are_also_right_for_a_perfect_generator_whose_distance_is_due_to_pairs(
    score: Callable[[Tensor, Features], tuple[float, float]],
) -> None:
    real = Features(draw(20_000, 0), None)
    found = [score(draw(300, seed), real) for seed in range(1, 121)]
    assert 0.8 < ratio_to_redraws(found) < 1.25


def test_those_within_classes_are_too() -> None:
    labels, real_labels = torch.arange(400) % 4, torch.arange(2000) % 4
    real = draw(2000, 0)
    found = []
    for seed in range(1, 41):
        fake = draw(400, seed) * 1.2
        value = mean_distance(Features(fake, None), labels, Features(real, None), real_labels, 4)
        found.append((value, error_of_mean_distance(fake, labels, real, real_labels, 4)))
    assert 0.75 < ratio_to_redraws(found) < 1.3


def mixture(kind: str, seed: int, n: int, missing: int = 0) -> np.ndarray:
    """Points of ring or grid without the last modes."""
    gaussians = data_points.modes(kind)
    assert gaussians is not None
    random = np.random.RandomState(seed)
    centres = gaussians[0][random.randint(len(gaussians[0]) - missing, size=n)]
    return centres + gaussians[1] * random.standard_normal((n, 2))


@pytest.mark.parametrize(("kind", "missing"), [("ring", 0), ("ring", 2), ("grid", 0), ("grid", 2)])
def test_that_of_the_wasserstein_distance_is_for_samples_alone(kind: str, missing: int) -> None:
    ratios = []
    # How much it varies depends on the held-out points, so several sets of them are averaged.
    for held_out in range(3):
        real = mixture(kind, held_out, 200)
        costs = [transport(mixture(kind, 100 + seed, 200, missing), real) for seed in range(30)]
        ratios.append(ratio_to_redraws([(root_mean(found), transport_error(found)) for found in costs]))
    # Where only chance makes a difference, as with |z|, the first order is too much.
    assert 0.8 < np.mean(ratios) < (1.4 if missing else 1.7)


def test_the_potential_is_a_solution_of_the_dual_problem() -> None:
    costs = transport(mixture("grid", 0, 150), mixture("grid", 1, 150))
    u = potential(costs)
    v = costs.diagonal() - u
    assert (np.add.outer(u, v) <= costs + 1e-6).all()
    assert (u + v).mean() == pytest.approx(root_mean(costs) ** 2)


def test_copies_of_the_held_out_points_have_no_standard_error() -> None:
    real = mixture("ring", 0, 50)
    assert math.isnan(transport_error(transport(real, real)))


def test_those_of_mmd_and_of_rare_modes_are_as_large_as_the_scores_vary() -> None:
    real = torch.from_numpy(mixture("ring", 0, 500))
    found = [gaussian_mmd(torch.from_numpy(mixture("ring", 100 + seed, 500)), real, 0.17) for seed in range(80)]
    assert 0.8 < ratio_to_redraws(found) < 1.25
    gaussians = data_points.modes("ring")
    assert gaussians is not None
    counted = []
    for seed in range(80):
        # One in 300 points is of one of the last three modes.
        points = mixture("ring", 100 + seed, 600, missing=3)
        points[:6] = mixture("ring", 500 + seed, 6)
        covered = count_modes(points, *gaussians)[0]
        without = [count_modes(points[rows.numpy()], *gaussians)[0] for rows in errors.without_each(600)]
        counted.append((float(covered), errors.jackknife(without)))
    assert 0.6 < ratio_to_redraws(counted) < 1.5


def test_coverage_of_a_perfect_generator_is_that_of_real_data_only_for_equal_numbers() -> None:
    train = Features(draw(1438, 0), None)
    held_out = [density_and_coverage(draw(359, seed), train)[1] for seed in range(1, 6)]
    perfect = [density_and_coverage(draw(359, seed), train)[1] for seed in range(6, 11)]
    more = density_and_coverage(draw(1438, 11), train)[1]
    assert np.mean(perfect) == pytest.approx(np.mean(held_out), abs=0.03)
    assert more > np.mean(held_out) + 0.2
