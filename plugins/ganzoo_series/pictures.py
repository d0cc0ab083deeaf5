"""Pictures of series: lines of real and generated ones side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganzoo.pictures.plots import new_figure, plain, render

from .statistics import autocorrelation

ROWS, LINES = 4, 8


def draw(fake: np.ndarray, real: np.ndarray, names: Sequence[str], classes: Sequence[str], title: str) -> Any:
    """Series `[N, T, F]` and real ones `[M, T, F]` in the user's units; M may be 0.

    With classes, one column of panels for each, of which sample i has class i modulo their number. Several columns of
    the data: a row of panels for each. One column: single series, and below them the distribution of the values and the
    autocorrelation of their absolute values.
    """
    if classes:
        return _by_class(fake, real, names, classes, title)
    sides = [("real", real), ("generated", fake)] if len(real) else [("", fake)]
    rows = min(names.__len__(), 6) if len(names) > 1 else ROWS
    # Values of one column at random times say little without their distribution.
    more = len(names) == 1 and len(real) >= 100 and len(fake) >= 100
    figure = new_figure(7.5, 1.1 + 0.95 * (rows + (1.6 if more else 0)))
    figure.suptitle(plain(title), fontsize=9)
    heights = [1.0] * rows + ([1.6] if more else [])
    grid = figure.add_gridspec(len(heights), len(sides), height_ratios=heights)
    bounds = [_bounds(real[..., at] if len(real) else fake[..., at]) for at in range(len(names))]
    for side, (label, values) in enumerate(sides):
        for row in range(rows):
            at = row if len(names) > 1 else 0
            axes = figure.add_subplot(grid[row, side])
            shown = values[:LINES, :, at] if len(names) > 1 else values[row : row + 1, :, 0]
            _lines(axes, shown, bounds[at], single=len(names) == 1)
            if row == 0:
                axes.set_title(label, fontsize=9)
            if side == 0:
                axes.set_ylabel(plain(names[at][:14]), fontsize=7)
            axes.tick_params(labelsize=6, labelbottom=row == rows - 1, labelleft=side == 0)
            if row == rows - 1:
                axes.set_xlabel("step", fontsize=7)
    if more:
        _statistics(figure, grid, rows, real[..., 0], fake[..., 0], names[0])
    return render(figure)


def _bounds(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, [0.002, 0.998]).tolist()
    pad = 0.15 * (high - low) or 1.0
    return low - pad, high + pad


def _lines(axes: Any, values: np.ndarray, bounds: tuple[float, float], single: bool) -> None:
    for number, row in enumerate(np.clip(values, -1e30, 1e30)):
        axes.plot(row, color="0.15" if single else f"C{number}", linewidth=0.8)
    axes.set_ylim(*bounds)
    axes.margins(x=0)


def _statistics(figure: Any, grid: Any, row: int, real: np.ndarray, fake: np.ndarray, name: str) -> None:
    """The distribution of the values, on a logarithmic scale, and the autocorrelation of their absolute values."""
    left, right = figure.add_subplot(grid[row, 0]), figure.add_subplot(grid[row, 1])
    low, high = np.quantile(real, [0.0005, 0.9995]).tolist()
    edges = np.linspace(low - 0.25 * (high - low), high + 0.25 * (high - low), 60)
    for label, values, color in (("real", real, "0.6"), ("generated", fake, "tab:red")):
        weights = np.full(values.size, 1 / values.size)
        left.hist(values.ravel(), edges, weights=weights, histtype="step", log=True, color=color, label=label)
        lags = min(20, values.shape[1] // 2)
        deviations = np.abs(values - values.mean())[..., None]
        right.plot(
            range(1, lags + 1), autocorrelation(deviations, lags)[:, 0], ".-", color=color, label=label, markersize=3
        )
    left.set_xlabel(plain(name), fontsize=7)
    left.set_ylabel("fraction", fontsize=7)
    right.set_xlabel("lag", fontsize=7)
    right.set_ylabel("ACF of |deviation|", fontsize=7)
    for axes in (left, right):
        axes.tick_params(labelsize=6)
    # Outside the axes, where no curve is.
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=7, frameon=False)


def _by_class(fake: np.ndarray, real: np.ndarray, names: Sequence[str], classes: Sequence[str], title: str) -> Any:
    columns = len(classes)
    rows = max(1, min(ROWS, len(fake) // columns))
    figure = new_figure(max(4.0, 1.9 * columns), 0.9 + 0.95 * rows)
    figure.suptitle(plain(title), fontsize=9)
    grid = figure.subplots(rows, columns, squeeze=False)
    low, high = _bounds(real if len(real) else fake)
    for at in range(rows * columns):
        axes = grid[at // columns][at % columns]
        _lines(axes, fake[at].T, (low, high), single=len(names) == 1)
        axes.tick_params(labelsize=6, labelbottom=at // columns == rows - 1, labelleft=at % columns == 0)
        if at < columns:
            axes.set_title(plain(classes[at]), fontsize=8)
        if at % columns == 0:
            axes.set_ylabel(plain(names[0][:14] if len(names) == 1 else "values"), fontsize=7)
        if at // columns == rows - 1:
            axes.set_xlabel("step", fontsize=7)
    return render(figure)
