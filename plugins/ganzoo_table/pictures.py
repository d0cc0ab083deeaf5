"""A picture of a table: real and generated columns, and how strongly they are associated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL.Image import Image
from torch import Tensor

from ganzoo.pictures.plots import plain, render
from ganzoo.recipes import DataSpec

from .columns import NUMERIC, Column, decode

PANELS = 9
"""Columns that are shown, and one more for the target."""

BARS = 12
"""Categories that are shown, the most frequent ones; all others are one bar."""

REAL, GENERATED = "0.7", "tab:red"


def draw(fake: Tensor, real: Tensor, spec: DataSpec, title: str = "") -> Image:
    """Histograms and bars of the first columns and the target, and the associations of all columns."""
    columns = spec.note["columns"]
    values = [decode(x.cpu().numpy(), columns) for x in (real, fake)]
    names = [column["name"] for column in columns]
    shown = list(range(min(PANELS, len(columns))))
    target = spec.note.get("target")
    if target in names and names.index(target) not in shown:
        shown.append(names.index(target))
    # Two panels for associations.
    across = 4 if len(shown) > 4 else 3
    rows = -(-(len(shown) + 2) // across)
    # Finding a layout would take longer than all else, and this one fits all tables.
    from matplotlib.figure import Figure

    width, height = 2.7 * across, 2.0 * rows + 0.3
    figure = Figure(figsize=(width, height), dpi=110)
    axes = figure.subplots(rows, across, squeeze=False).ravel()
    figure.subplots_adjust(0.5 / width, 0.65 / height, 1 - 0.35 / width, 1 - 0.55 / height, 0.3, 0.75)
    for at, panel in zip(shown, axes, strict=False):
        if columns[at]["kind"] in NUMERIC:
            _histogram(panel, columns[at], values[0][at], values[1][at])
        else:
            _bars(panel, columns[at], values[0][at], values[1][at])
    for name, table, panel in zip(("real", "generated"), values, axes[len(shown) :], strict=False):
        image = panel.imshow(associations(table, columns), vmin=0, vmax=1, cmap="viridis")
        panel.set_title(f"associations, {name}", fontsize=8)
        panel.set_xticks([])
        panel.set_yticks([])
    figure.colorbar(image, ax=axes[len(shown) + 1], fraction=0.046).ax.tick_params(labelsize=6)
    for panel in axes[len(shown) + 2 :]:
        panel.set_visible(False)
    drawn = [axes[0].fill_between([], [], color=REAL), axes[0].plot([], [], color=GENERATED)[0]]
    figure.legend(drawn, ["real", "generated"], loc="upper right", ncols=2, fontsize=8, frameon=False)
    if title:
        figure.suptitle(plain(title), fontsize=9, x=0.01, ha="left")
    return render(figure)


def _histogram(panel: Any, column: Column, real: np.ndarray, fake: np.ndarray) -> None:
    low, high = column["low"], column["high"]
    high = high if high > low else low + 1
    bins = int(min(30, high - low + 1)) if column["kind"] == "integer" else 30
    for values, style in ((real, {"color": REAL, "fill": True}), (fake, {"color": GENERATED})):
        counts, edges = np.histogram(values[~np.isnan(values)], bins, (low, high))
        # Fractions of all rows, so that missing values are missed.
        panel.stairs(counts / len(values), edges, **style)
    panel.set_ylim(bottom=0)
    _label(panel, column)
    if column["kind"] == "date":
        panel.set_xticks([])


def _bars(panel: Any, column: Column, real: np.ndarray, fake: np.ndarray) -> None:
    names = [*column["values"], *(["missing"] if column["missing"] is not None else [])]
    shares = np.stack([np.bincount(values, minlength=len(names)) / len(values) for values in (real, fake)])
    order = np.argsort(-shares[0], kind="stable")
    first, rest = order[:BARS], order[BARS:]
    labels, shares = [names[at] for at in first], np.c_[shares[:, first], shares[:, rest].sum(1)]
    labels.append("others")
    if not len(rest):
        labels, shares = labels[:-1], shares[:, :-1]
    places = np.arange(len(labels))
    panel.bar(places, shares[0], 0.8, color=REAL)
    panel.bar(places, shares[1], 0.5, color="none", edgecolor=GENERATED)
    panel.set_xticks(places, [plain(label[:14]) for label in labels], rotation=90 if len(labels) > 3 else 0)
    _label(panel, column)


def _label(panel: Any, column: Column) -> None:
    panel.set_title(plain(column["name"][:34]), fontsize=8)
    panel.set_ylabel("fraction", fontsize=6)
    panel.tick_params(labelsize=6)


def associations(table: Sequence[np.ndarray], columns: Sequence[Column]) -> np.ndarray:
    """How strongly columns are associated, 0 to 1, `[C, C]`.

    The absolute correlation of two numbers, Cramer's V of two categories, and the correlation ratio of a number with a
    category; rows in which a number is missing are left out.
    """
    count = len(columns)
    found = np.eye(count)
    numeric = [column["kind"] in NUMERIC for column in columns]
    for i in range(count):
        for j in range(i):
            a, b = table[i], table[j]
            known = np.ones(len(a), bool)
            for values, is_number in ((a, numeric[i]), (b, numeric[j])):
                if is_number:
                    known &= ~np.isnan(values)
            a, b = a[known], b[known]
            if len(a) < 2:
                value = 0.0
            elif numeric[i] and numeric[j]:
                value = abs(float(np.corrcoef(a, b)[0, 1])) if a.std() > 0 and b.std() > 0 else 0.0
            elif numeric[i] or numeric[j]:
                value = _correlation_ratio(a, b) if numeric[i] else _correlation_ratio(b, a)
            else:
                value = _cramers_v(a, b)
            found[i, j] = found[j, i] = value
    return found


def _correlation_ratio(numbers: np.ndarray, groups: np.ndarray) -> float:
    total = float(((numbers - numbers.mean()) ** 2).sum())
    if total <= 0:
        return 0.0
    counts = np.bincount(groups)
    means = np.bincount(groups, numbers) / np.maximum(counts, 1)
    return float(np.sqrt((counts * (means - numbers.mean()) ** 2).sum() / total))


def _cramers_v(a: np.ndarray, b: np.ndarray) -> float:
    counts = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(counts, (a, b), 1)
    counts = counts[counts.any(1)][:, counts.any(0)]
    smaller = min(counts.shape) - 1
    if smaller < 1:
        return 0.0
    expected = np.outer(counts.sum(1), counts.sum(0)) / counts.sum()
    return float(np.sqrt(((counts - expected) ** 2 / expected).sum() / counts.sum() / smaller))
