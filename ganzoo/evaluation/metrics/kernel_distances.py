"""Squared maximum mean discrepancy (MMD) over all pairs of samples, with its standard error."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ganzoo.data.samples import subset
from ganzoo.evaluation.features.extraction import Features
from ganzoo.evaluation.standard_errors import corrected_jackknife, groups_of, of_pairs

MAX_REAL = 10_000
"""Maximum number of real images, as the number of pairs grows with its square."""

ROWS = 1_000
"""Rows of a block of the kernel matrix."""

Kernel = Callable[[Tensor, Tensor], Tensor]


def cubic(a: Tensor, b: Tensor) -> Tensor:
    """The kernel (a . b / D + 1)^3 of rows `[N, D]` and `[M, D]`: `[N, M]`.

    Binkowski et al. 2018, https://arxiv.org/abs/1801.01401, section 4.
    """
    return (a @ b.T).div_(a.shape[1]).add_(1).pow_(3)


def of_samples(fake: Tensor, real: Features) -> list[float]:
    """Squared MMD with the cubic kernel between features `[N, D]` and those of real images, and its standard error.

    Binkowski et al. 2018, section 4; called KID only on Inception features. Over all pairs, while KID is usually the
    mean over random subsets: both are unbiased, and this one varies least.
    """
    chosen = real.features[subset(len(real.features), MAX_REAL)].double()
    among_real = real.memo.once("pairs of the cubic kernel", lambda: mean_of_pairs(chosen, cubic))
    return list(squared_mmd(fake.double(), chosen, cubic, among_real))


def mean_of_pairs(x: Tensor, kernel: Kernel) -> float:
    """The mean of the kernel over all pairs of different rows of `x [N, D]`."""
    n = len(x)
    total = float(_between_parts(x.split(ROWS), kernel).sum()) - float(_diagonal(x, kernel).sum())
    return total / (n * (n - 1))


def squared_mmd(fake: Tensor, real: Tensor, kernel: Kernel, among_real: float) -> tuple[float, float]:
    """The unbiased squared MMD (U-statistic) of `fake [N, D]` and `real [M, D]`, float64, and its standard error.

    Gretton et al. 2012, https://jmlr.org/papers/v13/gretton12a.html, equation 3. It can be below 0. The standard error
    is a corrected jackknife over groups of the fake rows. among_real: `mean_of_pairs(real, kernel)`.
    """
    groups = groups_of(len(fake))
    ordered = [fake[rows] for rows in groups]
    # Sums of the kernel between groups: without some of them, their rows and columns are subtracted.
    among = _between_parts(ordered, kernel)
    among -= torch.diag(torch.stack([_diagonal(a, kernel).sum() for a in ordered]))
    between = torch.tensor([_sum(a, real, kernel) for a in ordered], dtype=torch.float64)

    total, to_real = float(among.sum()), float(between.sum())

    def without(*left_out: int) -> float:
        out = list(left_out)
        n = len(fake) - sum(len(groups[number]) for number in out)
        rest = total - 2 * float(among[out].sum()) + float(among[out][:, out].sum())
        return rest / (n * (n - 1)) + among_real - 2 * (to_real - float(between[out].sum())) / (n * len(real))

    value, single = without(), [without(number) for number in range(len(groups))]
    return value, corrected_jackknife(value, single, of_pairs(len(groups), without))


def _between_parts(parts: Sequence[Tensor], kernel: Kernel) -> Tensor:
    """Sums of the kernel over all pairs of rows of two parts, for each two of G parts: `[G, G]`, symmetric."""
    sums = torch.zeros(len(parts), len(parts), dtype=torch.float64)
    for i, a in enumerate(parts):
        for j, b in enumerate(parts[: i + 1]):
            sums[i, j] = sums[j, i] = _sum(a, b, kernel)
    return sums


def _sum(a: Tensor, b: Tensor, kernel: Kernel) -> float:
    return sum(float(kernel(rows, b).sum()) for rows in a.split(ROWS))


def _diagonal(x: Tensor, kernel: Kernel) -> Tensor:
    """The kernel of each row with itself: `[N]`."""
    return torch.cat([kernel(rows, rows).diagonal() for rows in x.split(64)])
