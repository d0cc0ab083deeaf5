"""One figure of several runs: their sample sheets, losses, and scores over the steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from ganzoo.pictures.plots import draw_curve, legend_above, new_figure, plain, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 3.6
"""Width of a run's column, in inches."""

MAX_COLUMNS = 3
"""Maximum number of runs in a row."""


@dataclass(frozen=True)
class Panel:
    """The data of one run that is drawn.

    title: two lines. sheet: its samples, if it has any; caption: what they show. records: the records of its
    metrics.jsonl; evaluations: those of its evaluations.jsonl.
    """

    title: str
    sheet: Image.Image | None
    caption: str
    records: Sequence[Mapping[str, float]]
    evaluations: Sequence[Mapping[str, Any]]


def draw_panels(panels: Sequence[Panel]) -> Image.Image:
    """`panels_figure` as a picture."""
    return render(panels_figure(panels))


def panels_figure(panels: Sequence[Panel]) -> Figure:
    """Sheets side by side above the losses, up to three runs in a row; below, a plot for each score during training."""
    width = min(len(panels), MAX_COLUMNS)
    bands = math.ceil(len(panels) / width)
    plots = score_curves(panels)
    columns = min(len(plots), MAX_COLUMNS) or 1
    below = math.ceil(len(plots) / columns)
    heights = [SIDE + 0.4 + 0.6 * SIDE] * bands + [0.75 * SIDE] * below
    figure = new_figure(max(SIDE * width, 2 * SIDE if plots else 0), sum(heights))
    parts = figure.subfigures(bands + below, 1, height_ratios=heights, squeeze=False)[:, 0]
    for band in range(bands):
        axes = parts[band].subplots(2, width, height_ratios=[SIDE + 0.4, 0.6 * SIDE], squeeze=False)
        for column in range(width):
            number = band * width + column
            if number < len(panels):
                draw_sheet(axes[0, column], panels[number].title, panels[number].sheet, panels[number].caption)
                _draw_losses(axes[1, column], panels[number])
            else:
                axes[0, column].axis("off")
                axes[1, column].axis("off")
    for row in range(below):
        axes = parts[bands + row].subplots(1, columns, squeeze=False)
        for column in range(columns):
            number = row * columns + column
            if number < len(plots):
                _draw_scores(axes[0, column], *plots[number])
            else:
                axes[0, column].axis("off")
    if plots:
        _draw_legend(parts[bands], panels, sorted({number for _, curves in plots for number in curves}))
    return figure


Curves = dict[int, tuple[list[float], list[float]]]
"""Steps and values by the index of the run."""


def score_curves(panels: Sequence[Panel]) -> list[tuple[str, Curves]]:
    """For each score during training, its title and the curves of the runs, separately for each protocol."""
    found: dict[tuple[str, str], Curves] = {}
    for number, panel in enumerate(panels):
        for record in panel.evaluations:
            protocols = record.get("protocol", {})
            for name, value in record.get("scores", {}).items():
                curves = found.setdefault((name, str(protocols.get(name, ""))), {})
                steps, values = curves.setdefault(number, ([], []))
                steps.append(record["step"])
                values.append(value)
    return [(f"{name}\n{protocol}".strip(), curves) for (name, protocol), curves in found.items()]


def draw_sheet(axes: Any, title: str, sheet: Image.Image | None, caption: str = "") -> None:
    """Draw a sheet of samples, or that there is none."""
    axes.set_title(plain(title), fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel(plain(caption), fontsize=8)
    for side in axes.spines.values():
        side.set_visible(False)
    if sheet is None:
        axes.text(0.5, 0.5, "no samples.png", ha="center", va="center", color="0.5", transform=axes.transAxes)
    else:
        axes.imshow(sheet, interpolation="antialiased")
        # Sheets of different shapes begin at the same height.
        axes.set_anchor("N")


def _draw_losses(axes: Any, panel: Panel) -> None:
    names = list(dict.fromkeys(name for record in panel.records for name in record if name.endswith("/loss")))
    for name in names:
        points = [(record["step"], record[name]) for record in panel.records if name in record]
        draw_curve(axes, points, label=name, linewidth=0.8)
    if names:
        legend_above(axes, len(names))
    else:
        axes.text(0.5, 0.5, "no losses logged", ha="center", va="center", color="0.5", transform=axes.transAxes)
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=7)
    axes.set_xlabel("step", fontsize=8)


def _draw_legend(figure: Any, panels: Sequence[Panel], numbers: Sequence[int]) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=f"C{number % 10}", marker=".", linewidth=1) for number in numbers]
    labels = [plain(panels[number].title.replace("\n", "  ")) for number in numbers]
    figure.legend(lines, labels, loc="outside upper center", ncols=2, fontsize=7, frameon=False)


def _draw_scores(axes: Any, title: str, curves: Curves) -> None:
    for number, (steps, values) in curves.items():
        points = zip(steps, values, strict=True)
        draw_curve(axes, points, color=f"C{number % 10}", marker=".", markersize=4, linewidth=1)
    axes.set_title(plain(title), fontsize=8)
    axes.set_xlabel("step", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
