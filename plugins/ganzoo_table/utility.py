"""Train on synthetic, test on real: can a model learn from generated rows what it would from real ones?"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from torch import Tensor

from ganzoo.data.samples import Measured, Samples, subset

from .columns import NUMERIC, Column, decode

ROWS = 10_000
"""Rows that models are trained and tested on at most."""

MODELS = ("logistic regression", "decision tree", "random forest")
REGRESSIONS = ("linear regression", "decision tree", "random forest")


def compute(samples: Samples) -> Measured:
    """Mean macro F1 of three classifiers on held-out rows, or mean R2 if the target is a number; {} without a target.

    Of real samples, which are training rows, it is the score of training on real rows (TRTR).
    """
    columns, target = samples.spec.note["columns"], samples.spec.note.get("target", "")
    names = [column["name"] for column in columns]
    if target not in names or len(columns) < 2:
        return Measured({})
    at = names.index(target)
    numeric = columns[at]["kind"] in NUMERIC
    held_out = samples.real("test")
    real = held_out.batch(subset(held_out.count, ROWS))["x"]
    tested, train = (_split(x, columns, at) for x in (real, samples.fake[:ROWS]))
    scores = [_score(model, train, tested, numeric) for model in _models(numeric)]
    models = REGRESSIONS if numeric else MODELS
    name = "TSTR-R2" if numeric else "TSTR-F1"
    return Measured({name: float(np.mean(scores))}, n_real=len(real), split="test", target=target, models=list(models))


def _split(x: Tensor, columns: list[Column], at: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows without the target, as numbers with one for each category, and the target; without rows that lack it."""
    decoded = decode(x.cpu().numpy(), columns)
    made = []
    for number, (column, values) in enumerate(zip(columns, decoded, strict=True)):
        if number == at:
            continue
        if column["kind"] in NUMERIC:
            made.append(((np.nan_to_num(values, nan=column["mean"]) - column["mean"]) / column["std"])[:, None])
            if column["missing"] is not None:
                made.append(np.isnan(values)[:, None])
        else:
            made.append(np.eye(len(column["values"]) + 1)[values])
    target = decoded[at]
    known = ~np.isnan(target) if columns[at]["kind"] in NUMERIC else target < len(columns[at]["values"])
    return np.concatenate(made, 1)[known], target[known]


def _models(numeric: bool) -> list[Any]:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if numeric:
        trees = DecisionTreeRegressor(max_depth=20, random_state=0), RandomForestRegressor(random_state=0)
        return [LinearRegression(), *trees]
    trees = DecisionTreeClassifier(max_depth=20, random_state=0), RandomForestClassifier(random_state=0)
    return [LogisticRegression(max_iter=1000), *trees]


def _score(
    model: Any, train: tuple[np.ndarray, np.ndarray], tested: tuple[np.ndarray, np.ndarray], numeric: bool
) -> float:
    from sklearn.metrics import f1_score, r2_score

    if not len(train[1]):
        return 0.0
    if len(np.unique(train[1])) < 2:
        # There is nothing to learn: every prediction is the only value.
        predicted = np.full(len(tested[1]), train[1][0])
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predicted = model.fit(*train).predict(tested[0])
    if numeric:
        return float(r2_score(tested[1], predicted))
    return float(f1_score(tested[1], predicted, average="macro", zero_division=0))
