"""Statistics of series `[N, T, F]`: autocorrelations, leverage, tails."""

from __future__ import annotations

import numpy as np

LINEAR = 0.2
"""Autocorrelation at lag 1 below which values count as returns, which hardly predict one another (Cont 2001)."""


def autocorrelation(x: np.ndarray, lags: int) -> np.ndarray:
    """Autocorrelations `[lags, F]` at lags 1 to `lags`, with the mean and variance of all series together.

    So the difference between series (a calm stretch, a wild one) counts as persistence.
    """
    centred = x - x.mean((0, 1))
    variance = (centred**2).mean((0, 1))
    variance = np.where(variance > 0, variance, 1.0)
    found = [(centred[:, :-lag] * centred[:, lag:]).mean((0, 1)) / variance for lag in range(1, lags + 1)]
    return np.stack(found)


def leverage(x: np.ndarray, lags: int) -> np.ndarray:
    """Correlations `[lags, F]` of values with the squares that come 1 to `lags` steps later.

    They are negative where losses raise the volatility: Bouchaud et al. 2001,
    https://doi.org/10.1103/PhysRevLett.87.228701, normalised here as a correlation.
    """
    centred = x - x.mean((0, 1))
    squares = centred**2 - (centred**2).mean((0, 1))
    scale = centred.std((0, 1)) * squares.std((0, 1))
    scale = np.where(scale > 0, scale, 1.0)
    found = [(centred[:, :-lag] * squares[:, lag:]).mean((0, 1)) / scale for lag in range(1, lags + 1)]
    return np.stack(found)


def kinds_of_columns(real: np.ndarray) -> list[str]:
    """What is like returns in each column: its "values", their "differences" (of prices, say), or "" for neither."""
    direct, steps = np.abs(autocorrelation(real, 1)[0]), np.abs(autocorrelation(np.diff(real, axis=1), 1)[0])
    spread = real.std((0, 1))
    found = []
    for at in range(real.shape[2]):
        kind = "values" if direct[at] < LINEAR else "differences" if steps[at] < LINEAR else ""
        found.append(kind if spread[at] > 0 else "")
    return found


def returns(x: np.ndarray, kinds: list[str]) -> np.ndarray:
    """The columns that are like returns, `[N, T - 1, K]`, of kinds that `kinds_of_columns` found."""
    found = [
        x[:, 1:, at] if kind == "values" else np.diff(x[:, :, at], axis=1) for at, kind in enumerate(kinds) if kind
    ]
    return np.stack(found, 2)


def excess_kurtosis(x: np.ndarray) -> np.ndarray:
    """Of each column `[F]`; 0 for a normal distribution."""
    centred = x - x.mean((0, 1))
    variance = (centred**2).mean((0, 1))
    return (centred**4).mean((0, 1)) / np.where(variance > 0, variance, 1.0) ** 2 - 3


def tail_index(x: np.ndarray, fraction: float = 0.02) -> np.ndarray:
    """Hill's estimate of the exponent of the tails of |x - mean|, of each column `[F]`, from that fraction of values.

    Hill 1975, https://doi.org/10.1214/aos/1176343247. About 3 to 5 for returns; larger for lighter tails.
    """
    values = np.sort(np.abs(x - x.mean((0, 1))).reshape(-1, x.shape[2]), 0)[::-1]
    count = max(2, round(fraction * len(values)))
    top = np.maximum(values[: count + 1], 1e-12)
    excess = np.log(top[:count] / top[count]).mean(0)
    return 1 / np.maximum(excess, 1e-12)
