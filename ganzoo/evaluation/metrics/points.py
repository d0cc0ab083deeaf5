"""Scores of points, whose distribution is known."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from ganzoo.data import points
from ganzoo.data.samples import Measured, Samples, subset

MODE_SAMPLES = 2500
W2_SAMPLES = 2000
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
    return Measured({"modes": covered, "quality": quality}, n_fake=len(values), of=len(centres), reach=MODE_RADIUS)


def wasserstein(samples: Samples) -> Measured:
    """2-Wasserstein distance between 2,000 samples and as many held-out points, in the data's own units."""
    real = samples.real(samples.reference)
    n = min(W2_SAMPLES, len(samples.fake), real.count)
    held_out = real.batch(subset(real.count, n))["x"].cpu().double().numpy()
    distance = wasserstein_2(_subset(samples, n), held_out)
    return Measured({"W2": distance}, n_fake=n, n_real=n, split=samples.reference)


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
    value = squared_mmd(_subset(samples, n), held_out)
    return Measured({"MMD": value}, n_fake=n, n_real=n, split=samples.reference, bandwidth="median / 16")


def squared_mmd(a: np.ndarray, b: np.ndarray) -> float:
    """Unbiased squared MMD of `a [N, D]` and `b [M, D]`; the kernel's width is relative to distances in `b`."""
    among = cdist(b, b)
    width = np.median(among) * MMD_BANDWIDTH

    def kernel(distances: np.ndarray) -> np.ndarray:
        return np.exp(-np.square(distances) / (2 * width**2))

    def mean_of_pairs(values: np.ndarray) -> float:
        count = len(values)
        # Without pairs of a point with itself, for which the kernel is 1.
        return float((values.sum() - count) / (count * (count - 1)))

    between = float(kernel(cdist(a, b)).mean())
    return mean_of_pairs(kernel(cdist(a, a))) + mean_of_pairs(kernel(among)) - 2 * between


def count_modes(values: np.ndarray, centres: np.ndarray, std: float) -> tuple[int, float]:
    """Modes covered and the fraction of high-quality samples: `values [N, D]`, `centres [K, D]`."""
    distances = cdist(values, centres)
    nearest, good = distances.argmin(axis=1), distances.min(axis=1) <= MODE_RADIUS * std
    return len(np.unique(nearest[good])), float(good.mean())


def wasserstein_2(a: np.ndarray, b: np.ndarray) -> float:
    """Exact 2-Wasserstein distance between two sets of n points `[n, D]` of equal weight, by optimal assignment.

    The root mean squared distance of the optimal pairs. It takes O(n^3) operations.
    """
    cost = cdist(a, b, "sqeuclidean")
    return float(np.sqrt(cost[linear_sum_assignment(cost)].mean()))


def _subset(samples: Samples, n: int) -> np.ndarray:
    """A fixed subset of `n` samples; not the first ones, as samples may be sorted by class."""
    return samples.fake[subset(len(samples.fake), n)].cpu().double().numpy()
