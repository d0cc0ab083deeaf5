"""Standard errors of scores: how much a value would vary if as many other samples had been drawn.

They are delete-a-group jackknives (Efron & Stein 1981, https://doi.org/10.1214/aos/1176345462; groups: Kott 2001): the
samples are split at random into groups, the score is computed without each of them in turn, and its variance is
(G - 1) / G times the sum of squared deviations. The real data that are compared with stay the same.

A jackknife counts twice what is due to pairs of samples. That is nearly everything where a distance is close to 0, so
those of distances are corrected for it (Efron & Stein 1981, section 5).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

GROUPS = 20
SEED = 2021


def groups_of(n: int, groups: int = GROUPS) -> list[Tensor]:
    """Row numbers of `n` samples in up to `groups` random groups of almost equal size, always the same."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(SEED))
    return [part.sort().values for part in order.tensor_split(min(groups, n))]


def without_each(n: int, groups: int = GROUPS) -> Iterator[Tensor]:
    """The row numbers of all samples but one group, for each group."""
    for left_out in groups_of(n, groups):
        kept = torch.ones(n, dtype=torch.bool)
        kept[left_out] = False
        yield kept.nonzero()[:, 0]


def jackknife(values: Sequence[float]) -> float:
    """The standard error of a score from its values without each group; NaN if one of them is not finite."""
    found = np.asarray(values, dtype=np.float64)
    if not np.isfinite(found).all():
        return math.nan
    g = len(found)
    return float(math.sqrt((g - 1) / g * np.square(found - found.mean()).sum()))


def corrected_jackknife(value: float, without: Sequence[float], without_two: np.ndarray) -> float:
    """The standard error of a score without counting pairs of samples twice; NaN if a value is not finite.

    value: the score of all samples. without: those without each of G groups. without_two: those without each two,
    `[G, G]`, of which the part above the diagonal is used. For a mean it is that of `jackknife`. It is at least what it
    would be if all of it were due to pairs: the root of (G - 1)^3 / (2 G^3) of that.
    """
    g, single = len(without), np.asarray(without, dtype=np.float64)
    pairs = np.triu_indices(g, 1)
    due_to_pairs = (g * value - (g - 1) * np.add.outer(single, single) + (g - 2) * without_two)[pairs] / (g - 2)
    counted = jackknife(without) ** 2
    if not math.isfinite(counted) or not np.isfinite(due_to_pairs).all():
        return math.nan
    least = counted * (g - 1) ** 3 / (2 * g**3)
    return math.sqrt(max(least, counted - float(np.square(due_to_pairs - due_to_pairs.mean()).sum())))


def by_leaving_out(n: int, score: Callable[[Tensor], float], groups: int = GROUPS) -> float:
    """The standard error of a score that is computed from rows of `n` samples."""
    return jackknife([score(rows) for rows in without_each(n, groups)])


def of_fraction(fraction: float, n: int) -> float:
    """The standard error of the fraction of `n` independent samples that have a property."""
    return math.sqrt(max(0.0, fraction * (1 - fraction)) / n)


def of_mean(values: Tensor) -> float:
    """The standard error of a mean of independent values `[N]`."""
    return float(values.double().std() / math.sqrt(len(values)))


def of_inception_score(logits: Tensor) -> float:
    """The standard error of an Inception Score, from logits `[N, K]`.

    That of exp(mean KL) over all samples at once, whose parts (the mean entropy, the mean prediction) are sums over
    samples. With several splits, their mean has nearly the same.
    """
    log_p = logits.double().log_softmax(1)
    p = log_p.exp()
    n, groups = len(p), groups_of(len(p))
    entropies = torch.stack([(p[rows] * log_p[rows]).sum() for rows in groups])
    predictions = torch.stack([p[rows].sum(0) for rows in groups])
    kept = torch.tensor([n - len(rows) for rows in groups], dtype=torch.float64)
    mean = (predictions.sum(0) - predictions) / kept[:, None]
    kl = (entropies.sum() - entropies) / kept - torch.special.xlogy(mean, mean).sum(1)
    return jackknife(kl.exp().tolist())


def of_frechet_distance(fake: Tensor, real: Tensor) -> float:
    """The standard error of the Frechet distance between features `[N, D]` and `[M, D]`.

    Moments without a group are differences of sums. The trace of the root of S1 S2 is the sum of the roots of the
    eigenvalues of the symmetric R S1 R, where R is the root of S2. With more than 256 dimensions it is not corrected
    for pairs, so that of a distance close to 0 is up to 1.5 times too high.
    """
    fake, real = fake.double(), real.double()
    # An eigenvalue problem of 2,048 dimensions takes seconds.
    few = fake.shape[1] <= 256
    groups = groups_of(len(fake), GROUPS if few else GROUPS // 2)
    centre = fake.mean(0)
    sums = torch.stack([(fake[rows] - centre).sum(0) for rows in groups])
    squares = [(fake[rows] - centre).T @ (fake[rows] - centre) for rows in groups]
    total, covariance = sum(squares[1:], squares[0]), torch.cov(real.T)
    root = _root(covariance)

    def without(*left_out: int) -> float:
        n = len(fake) - sum(len(groups[number]) for number in left_out)
        mean = (sums.sum(0) - sums[list(left_out)].sum(0)) / n
        own = (total - sum(squares[number] for number in left_out) - n * torch.outer(mean, mean)) / (n - 1)
        eigenvalues = torch.linalg.eigvalsh(root @ own @ root).clamp(min=0)
        gap = mean + centre - real.mean(0)
        return float(gap @ gap + own.trace() + covariance.trace() - 2 * eigenvalues.sqrt().sum())

    single = [without(number) for number in range(len(groups))]
    return corrected_jackknife(without(), single, of_pairs(len(groups), without)) if few else jackknife(single)


def of_pairs(groups: int, without: Callable[[int, int], float]) -> np.ndarray:
    """The scores without each two groups, above the diagonal of `[G, G]`."""
    found = np.zeros((groups, groups))
    for i, j in itertools.combinations(range(groups), 2):
        found[i, j] = without(i, j)
    return found


def _root(matrix: Tensor) -> Tensor:
    eigenvalues, vectors = torch.linalg.eigh(matrix)
    return (vectors * eigenvalues.clamp(min=0).sqrt()) @ vectors.T
