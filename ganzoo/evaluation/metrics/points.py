"""Scores of points, whose distribution is known."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch import Tensor

from ganzoo.data import points
from ganzoo.data.samples import Measured, Samples, subset
from ganzoo.evaluation.metrics.kernel_distances import mean_of_pairs, squared_mmd
from ganzoo.evaluation.standard_errors import jackknife, of_fraction, without_each

MODE_SAMPLES = 2500
W2_SAMPLES = 2000
ROWS = 256
"""Rows of the costs that are added at a time, so that the sums stay in the processor's caches."""

MODE_RADIUS = 3.0
MMD_SAMPLES = 2500
MMD_BANDWIDTH = 1 / 16


def modes(samples: Samples) -> Measured:
    """Modes covered, 0 to K, and quality, the fraction of high-quality samples. Empty for data without modes.

    A high-quality sample is within 3 standard deviations of its nearest mode; a mode is covered if it is the nearest
    one of at least one such sample out of 2,500 (as in Srivastava et al. 2017, VEEGAN, https://arxiv.org/abs/1705.07761,
    and Lin et al. 2018, PacGAN, https://arxiv.org/abs/1712.04086). `modes` alone is lenient: read it with `quality`.
    """
    gaussians = points.modes(samples.data.kind) if samples.data.name == "points" else None
    if gaussians is None:
        return Measured({})
    centres, std = gaussians
    values = _subset(samples, MODE_SAMPLES)
    covered, quality = count_modes(values, centres, std)

    def errors() -> dict[str, float]:
        without = [count_modes(values[rows.numpy()], centres, std)[0] for rows in without_each(len(values))]
        return {"modes": jackknife(without), "quality": of_fraction(quality, len(values))}

    found = {"modes": covered, "quality": quality}
    return Measured(found, errors, n_fake=len(values), of=len(centres), reach=MODE_RADIUS)


def wasserstein(samples: Samples) -> Measured:
    """2-Wasserstein distance between 2,000 samples and as many held-out points, in the data's own units."""
    real = samples.real(samples.reference)
    n = min(W2_SAMPLES, len(samples.fake), real.count)
    held_out = real.batch(subset(real.count, n))["x"].cpu().double().numpy()
    costs = transport(_subset(samples, n), held_out)
    value = {"W2": root_mean(costs)}
    return Measured(value, lambda: {"W2": transport_error(costs)}, n_fake=n, n_real=n, split=samples.reference)


def kernel_discrepancy(samples: Samples) -> Measured:
    """Squared maximum mean discrepancy (MMD) between 2,500 samples and as many held-out points; around 0 is best.

    Gretton et al. 2012, https://jmlr.org/papers/v13/gretton12a.html, equation 3: unbiased, so it can be below 0. The
    kernel is a Gaussian of 1/16 of the median distance between held-out points. It is narrow, so that the score rises
    both for missing modes and for samples beside the modes, which W2 hardly sees: 10 % of noise raises it by several of
    its standard deviations.
    """
    real = samples.real(samples.reference)
    n = min(MMD_SAMPLES, len(samples.fake), real.count)
    held_out = real.batch(subset(real.count, n))["x"].cpu().double().numpy()
    width = np.median(cdist(held_out, held_out)) * MMD_BANDWIDTH
    value, error = gaussian_mmd(torch.from_numpy(_subset(samples, n)), torch.from_numpy(held_out), float(width))
    return Measured(
        {"MMD": value}, lambda: {"MMD": error}, n_fake=n, n_real=n, split=samples.reference, bandwidth="median / 16"
    )


def gaussian_mmd(a: Tensor, b: Tensor, width: float) -> tuple[float, float]:
    """Unbiased squared MMD of `a [N, D]` and `b [M, D]` with a Gaussian kernel, and its standard error."""

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        distances = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
        return distances.square_().div_(-2 * width**2).exp_()

    return squared_mmd(a, b, kernel, mean_of_pairs(b, kernel))


def count_modes(values: np.ndarray, centres: np.ndarray, std: float) -> tuple[int, float]:
    """Modes covered and the fraction of high-quality samples: `values [N, D]`, `centres [K, D]`."""
    distances = cdist(values, centres)
    nearest, good = distances.argmin(axis=1), distances.min(axis=1) <= MODE_RADIUS * std
    return len(np.unique(nearest[good])), float(good.mean())


def wasserstein_2(a: np.ndarray, b: np.ndarray) -> float:
    """Exact 2-Wasserstein distance between two sets of n points `[n, D]` of equal weight, by optimal assignment.

    The root mean squared distance of the optimal pairs. It takes O(n^3) operations.
    """
    return root_mean(transport(a, b))


def transport(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances `[n, n]` of the rows of `a` to those of `b`, whose order makes the diagonal's sum smallest."""
    costs = cdist(a, b, "sqeuclidean")
    return costs[:, linear_sum_assignment(costs)[1]]


def root_mean(costs: np.ndarray) -> float:
    """The root of the mean of the diagonal: the 2-Wasserstein distance."""
    return float(np.sqrt(costs.diagonal().mean()))


def transport_error(costs: np.ndarray) -> float:
    """The standard error of the 2-Wasserstein distance because of the rows of `transport`; NaN for a distance of 0.

    The squared distance is the mean of the Kantorovich potential over the samples, up to a constant, and the potential
    hardly changes with single samples: del Barrio & Loubes 2019, https://doi.org/10.1214/18-AOP1275, theorem 4.1.
    """
    distance = root_mean(costs)
    return float(potential(costs).std(ddof=1)) / math.sqrt(len(costs)) / (2 * distance) if distance else math.nan


def potential(costs: np.ndarray) -> np.ndarray:
    """The Kantorovich potential u `[n]` of the rows of `transport`: u_i + v_j <= costs_ij for v_j = costs_jj - u_j.

    So u_i <= u_j + costs_ij - costs_jj: lengths of shortest paths, found as by Bellman and Ford. No cycle is negative,
    as the pairs are optimal, so at most n rounds are needed; a round takes those on whose paths something changed.
    """
    n = len(costs)
    steps = np.ascontiguousarray((costs - costs.diagonal()).T)
    tolerance = 1e-9 * float(costs.max())
    lengths, changed = np.zeros(n), np.arange(n)
    for _ in range(n):
        if not len(changed):
            break
        parts = np.array_split(changed, math.ceil(len(changed) / ROWS))
        shortest = np.min([(steps[rows] + lengths[rows, None]).min(axis=0) for rows in parts], axis=0)
        better = shortest < lengths - tolerance
        lengths[better] = shortest[better]
        changed = np.flatnonzero(better)
    return lengths


def _subset(samples: Samples, n: int) -> np.ndarray:
    """A fixed subset of `n` samples; not the first ones, as samples may be sorted by class."""
    return samples.fake[subset(len(samples.fake), n)].cpu().double().numpy()
