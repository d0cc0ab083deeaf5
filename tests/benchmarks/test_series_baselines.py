"""The baselines of time series."""

from __future__ import annotations

import numpy as np

from benchmarks import series


def real() -> np.ndarray:
    x = np.random.RandomState(0).standard_normal((4000, 12, 2))
    for step in range(1, 12):
        x[:, step] += 0.7 * x[:, step - 1] + 0.1
    return x


def test_the_blocks_of_a_bootstrap_are_those_of_training_series() -> None:
    x = real()
    drawn = series.bootstrap(x, 5, np.random.RandomState(1))
    for row in drawn:
        for start in (0, 6):
            assert (x[:, start : start + 6] == row[start : start + 6]).all((1, 2)).any()


def test_the_models_have_the_moments_of_what_they_are_fitted_to() -> None:
    x = real()
    for draw in (series.var, series.gaussian):
        drawn = draw(x, 20_000, np.random.RandomState(1))
        assert np.allclose(drawn.mean(0), x.mean(0), atol=0.1)
        assert np.allclose(drawn.std(0), x.std(0), rtol=0.1)
        before, after = drawn[:, 5, 0], drawn[:, 6, 0]
        assert abs(np.corrcoef(before, after)[0, 1] - np.corrcoef(x[:, 5, 0], x[:, 6, 0])[0, 1]) < 0.05
