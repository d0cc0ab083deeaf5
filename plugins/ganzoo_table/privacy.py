"""Distances of generated rows to training rows, and to held-out rows, which no generator has seen.

All numbers compare the two, so that what is due to the data alone (rows that are much alike) is in both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.samples import Measured, Samples, subset

from .columns import NUMERIC, Column, decode, texts_of

FAKE, TRAIN, HELD_OUT = 2_000, 10_000, 2_500
"""Rows of each kind that are compared at most."""


def compute(samples: Samples) -> Measured:
    """Distances to the closest record, how many rows are closer to training rows, and a membership inference attack.

    DCR-ratio: the median distance of generated rows to their closest training row, over that of held-out rows.
    DCR-share: the fraction of rows that are closer to a training row than to any held-out row (Platzer & Reutterer
    2021), weighted so that chance is 0.5 although there are more training rows; ties count as half.
    membership-AUC: an attacker who knows the generated rows takes records close to one of them for training rows
    (GAN-Leaks' full black-box attack); the area under the curve of telling training from held-out rows.
    copies: the fraction of rows that are in the training data, value by value.

    Of real samples, one half of the held-out rows is scored in place of generated rows, and the other half is held out.
    """
    columns = samples.spec.note["columns"]
    train, test = _rows(samples, "train", TRAIN), _rows(samples, "test", HELD_OUT)
    fake = samples.fake[:FAKE].cpu()
    if samples.split is not None:
        fake, test = test[::2], test[1::2]
    f, t, h = (_vectors(x, columns) for x in (fake, train, test))
    to_train, to_held_out = nearest(f, t), nearest(f, h)
    closer = float(((to_train < to_held_out).double() + 0.5 * (to_train == to_held_out)).mean())
    n, m = len(t), len(h)
    ways = closer / n + (1 - closer) / m
    values = {
        "DCR-share": closer / n / ways,
        "membership-AUC": auc(nearest(t, f), nearest(h, f)),
        "copies": _copies(fake, samples.real("train").batch(torch.arange(samples.real("train").count))["x"], columns),
    }
    typical = nearest(h, t).median()
    if typical > 0:
        values = {"DCR-ratio": float(to_train.median() / typical)} | values
    errors = {
        "DCR-share": float(np.sqrt(closer * (1 - closer) / len(f)) / (n * m * ways**2)),
        # Of an attack that learns nothing (Mann & Whitney 1947).
        "membership-AUC": float(np.sqrt((n + m + 1) / (12 * n * m))),
    }
    return Measured(values, lambda: errors, n_real=n, n_held_out=m)


def _rows(samples: Samples, split: str, most: int) -> Tensor:
    dataset = samples.real(split)
    x: Tensor = dataset.batch(subset(dataset.count, most))["x"].cpu()
    return x


def _vectors(x: Tensor, columns: Sequence[Column]) -> Tensor:
    """Rows `[N, D]` as they are written, in standard deviations; two different categories have a distance of 1."""
    made = []
    for column, values in zip(columns, decode(x.numpy(), columns), strict=True):
        if column["kind"] in NUMERIC:
            absent = np.isnan(values)
            made.append(np.where(absent, 0, (values - column["mean"]) / column["std"])[:, None])
            made.append(absent[:, None])
        else:
            made.append(np.eye(len(column["values"]) + 1)[values] / np.sqrt(2))
    return torch.from_numpy(np.concatenate(made, 1)).float()


def nearest(x: Tensor, others: Tensor) -> Tensor:
    """The distance of each row of `x [N, D]` to the nearest of `others [M, D]`, `[N]`."""
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cat([torch.cdist(part, others, compute_mode=exact).min(1).values for part in x.split(500)])


def auc(members: Tensor, others: Tensor) -> float:
    """The probability that a member has a smaller distance than another record; ties count as half."""
    from scipy.stats import mannwhitneyu

    statistic = mannwhitneyu(others.numpy(), members.numpy()).statistic
    return float(statistic) / (len(members) * len(others))


def _copies(fake: Tensor, train: Tensor, columns: Sequence[Column]) -> float:
    known = {tuple(row) for row in texts_of(train.cpu().numpy(), columns)}
    return float(np.mean([tuple(row) in known for row in texts_of(fake.numpy(), columns)]))
