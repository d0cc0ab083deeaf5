"""Scores of series that need no training."""

from __future__ import annotations

import numpy as np
import torch

from ganzoo.data.samples import Measured, Samples, subset

from . import statistics

LAGS = 20
MMD_SAMPLES = 1000
EXTREMES = (0.001, 0.005, 0.995, 0.999)


def real_of(samples: Samples, n: int | None = None) -> torch.Tensor:
    """`n` real series of the split compared with, always the same ones; all by default, float32 `[N, T, F]`."""
    real = samples.real(samples.reference)
    x: torch.Tensor = real.batch(subset(real.count, n or real.count))["x"]
    return x.float().cpu()


def arrays(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Generated and real series, float64 `[N, T, F]`; of the real ones, at most ten times as many."""
    real = real_of(samples, 10 * len(samples.fake))
    return samples.fake.double().cpu().numpy(), real.double().numpy()


def lags_of(steps: int) -> int:
    """Lags that are compared: up to 20, or half the steps of a series."""
    return max(1, min(LAGS, steps // 2))


def series_mmd(samples: Samples) -> Measured:
    """Unbiased squared maximum mean discrepancy of 1,000 series, as vectors `[T * F]`; around 0 is best.

    Gretton et al. 2012, https://jmlr.org/papers/v13/gretton12a.html, equation 3; of series as in Esteban et al. 2017,
    section 4. The kernel is a Gaussian whose width is half the median distance between real series; each column is
    divided by the standard deviation of its real values.
    """
    real = real_of(samples, MMD_SAMPLES).double()
    fake = samples.fake[subset(len(samples.fake), MMD_SAMPLES)].double().cpu()
    scale = real.flatten(0, 1).std(0).clamp(min=1e-12)
    real, fake = ((x / scale).flatten(1) for x in (real, fake))
    within, of_fake, across = torch.cdist(real, real), torch.cdist(fake, fake), torch.cdist(real, fake)
    width = within[within > 0].median() / 2 if (within > 0).any() else within.new_ones(())

    def kernel(distances: torch.Tensor) -> torch.Tensor:
        return torch.exp(-((distances / width) ** 2) / 2)

    def off_diagonal(values: torch.Tensor) -> torch.Tensor:
        return (values.sum() - values.diagonal().sum()) / (len(values) * (len(values) - 1))

    value = off_diagonal(kernel(within)) + off_diagonal(kernel(of_fake)) - 2 * kernel(across).mean()
    return Measured({"series-MMD": float(value)}, n_real=len(real), split=samples.reference, bandwidth="median / 2")


def autocorrelation(samples: Samples) -> Measured:
    """Mean over lags and columns of the absolute difference of the autocorrelations."""
    fake, real = arrays(samples)
    lags = lags_of(fake.shape[1])
    value = np.abs(statistics.autocorrelation(fake, lags) - statistics.autocorrelation(real, lags)).mean()
    return Measured({"ACF": float(value)}, lags=lags, n_real=len(real), split=samples.reference)


def volatility(samples: Samples) -> Measured:
    """Of returns: differences of the autocorrelations of |r| and r^2, and of the correlation of r with later r^2.

    Columns whose values predict the next one, such as prices, are replaced by their differences; those whose
    differences do too are left out. Nothing is returned if none is left, as for sines.
    """
    fake, real = arrays(samples)
    kinds = statistics.kinds_of_columns(real)
    if not any(kinds) or fake.shape[1] < 6:
        return Measured({})
    fake, real = statistics.returns(fake, kinds), statistics.returns(real, kinds)
    lags = lags_of(fake.shape[1])

    def differences(of: str) -> float:
        found = []
        for x in (fake, real):
            centred = x - x.mean((0, 1))
            powers = {"absolute": np.abs(centred), "squared": centred**2}
            found.append(
                statistics.leverage(x, lags) if of == "leverage" else statistics.autocorrelation(powers[of], lags)
            )
        return float(np.abs(found[0] - found[1]).mean())

    values = {
        "ACF-absolute": differences("absolute"),
        "ACF-squared": differences("squared"),
        "leverage": differences("leverage"),
    }
    return Measured(values, lags=lags, columns=kinds, n_real=len(real), split=samples.reference)


def tails(samples: Samples) -> Measured:
    """Extreme quantiles (0.1, 0.5, 99.5 and 99.9 %) against real ones; of returns the kurtosis and the tail index.

    Both are means over the columns, and are read beside those of real data.
    """
    fake, real = arrays(samples)
    kinds = statistics.kinds_of_columns(real)
    if any(kinds) and fake.shape[1] > 2:
        fake, real = statistics.returns(fake, kinds), statistics.returns(real, kinds)
    scale = real.std((0, 1))
    scale = np.where(scale > 0, scale, 1.0)
    extremes = [np.quantile(x.reshape(-1, x.shape[2]), EXTREMES, axis=0) for x in (fake, real)]
    values = {"tails": float((np.abs(extremes[0] - extremes[1]) / scale).mean())}
    if any(kinds):
        values["kurtosis"] = float(statistics.excess_kurtosis(fake).mean())
        values["tail-index"] = float(statistics.tail_index(fake).mean())
    return Measured(values, columns=kinds, n_real=len(real), split=samples.reference)
