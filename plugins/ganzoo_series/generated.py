"""Series that are generated: sines, and the returns of a simulated market."""

from __future__ import annotations

import math

import numpy as np
import torch

from ganzoo.data.common import check_request
from ganzoo.data.dataset import Dataset
from ganzoo.errors import unknown
from ganzoo.recipes import Data, DataSpec

from . import KINDS
from .columns import Columns, note

TRAIN, TEST = 10_000, 2_000
PERIODS = (1, 5)
DAYS, BURN_IN = 64, 200
ALPHA, GAMMA, BETA, FREEDOM, DAILY = 0.04, 0.12, 0.87, 8.0, 1.0
"""The market: reaction to any return and, in addition, to a loss; memory; degrees of freedom; percent a day."""


def plain(names: tuple[str, ...]) -> Columns:
    """Columns whose values are those of the data."""
    return Columns(names, np.zeros(len(names)), np.ones(len(names)), (None,) * len(names))


def sines(data: Data, split: str) -> Dataset:
    """Sines in [-1, 1], of the kind `slow` or `waves`; 10,000 for training and 2,000 for testing.

    slow: `[24, 5]`, sin(f t + p) with f and p uniform on [0, 0.1] for each column, as in TimeGAN's code
    (https://github.com/jsyoon0823/TimeGAN, data_loading.py), which maps them to [0, 1] instead.
    waves: `[30, 1]`, a sin(2 pi f t / 30 + p) with 1 to 5 periods f, amplitudes a from 0.1 to 0.9 and phases p, all
    uniform, as in RCGAN's code (https://github.com/ratschlab/RGAN, data_utils.py). Their classes, by the periods
    rounded down, are ours.
    """
    check_request("sines", data, split, argument="kind")
    kind = data.kind or KINDS[0]
    if kind not in KINDS:
        raise unknown("kind of sines", kind, KINDS)
    rng = np.random.RandomState(1 if split == "test" else 0)
    n = TEST if split == "test" else TRAIN
    if kind == "slow":
        speed, phase = rng.uniform(0, 0.1, (2, n, 1, 5))
        x = np.sin(speed * np.arange(24)[:, None] + phase).astype(np.float32)
        names = tuple(f"sine {number}" for number in range(1, 6))
        spec = DataSpec("sines", "series", (24, 5), note=note(plain(names), x.reshape(-1, 5)))
        return Dataset({"x": torch.from_numpy(x)}, spec)
    periods, amplitude = rng.uniform(*PERIODS, (n, 1, 1)), rng.uniform(0.1, 0.9, (n, 1, 1))
    phase = rng.uniform(-math.pi, math.pi, (n, 1, 1))
    x = (amplitude * np.sin(2 * math.pi * periods * np.arange(1, 31)[:, None] / 30 + phase)).astype(np.float32)
    names = tuple(f"{low} to {low + 1} periods" for low in range(*PERIODS)) if data.labels else ()
    described = note(plain(("value",)), x.reshape(-1, 1))
    spec = DataSpec("sines", "series", (30, 1), len(names), names, note=described)
    arrays = {"x": torch.from_numpy(x)}
    if names:
        arrays["y"] = torch.from_numpy(periods[:, 0, 0].astype(np.int64) - 1)
    return Dataset(arrays, spec)


def market(data: Data, split: str) -> Dataset:
    """Daily returns in percent, `[64, 1]`, each stretch from a market of its own; 10,000 and 2,000 stretches.

    GJR-GARCH(1,1) of Glosten, Jagannathan and Runkle 1993 with Student's t: r = s e, where the variance of the next day
    is s^2 = w + (alpha + gamma [r < 0]) r^2 + beta s^2. Losses raise it more than gains do (leverage). Stored in units
    of the standard deviation of a day, without bounds.
    """
    check_request("market", data, split)
    n = TEST if split == "test" else TRAIN
    returns = simulate(n, DAYS, np.random.RandomState(1 if split == "test" else 0))
    columns = Columns(("return [%]",), np.zeros(1), np.full(1, DAILY), (4,))
    x = columns.scaled(returns)[:, :, None]
    spec = DataSpec("market", "series", (DAYS, 1), range=None, note=note(columns, x.reshape(-1, 1)))
    return Dataset({"x": torch.from_numpy(x)}, spec)


def simulate(n: int, days: int, rng: np.random.RandomState) -> np.ndarray:
    """Returns `[n, days]` in percent, after enough days that the start is forgotten."""
    constant = DAILY**2 * (1 - ALPHA - GAMMA / 2 - BETA)
    variance = np.full(n, DAILY**2)
    found = []
    for day in range(BURN_IN + days):
        shock = rng.standard_t(FREEDOM, n) * math.sqrt((FREEDOM - 2) / FREEDOM)
        returns = np.sqrt(variance) * shock
        variance = constant + (ALPHA + GAMMA * (returns < 0)) * returns**2 + BETA * variance
        if day >= BURN_IN:
            found.append(returns)
    return np.stack(found, 1)
