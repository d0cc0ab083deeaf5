"""One figure of several groups of runs: a sheet of each, their scores, and scores over the steps with a band."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from ganzoo.pictures.comparison import MAX_COLUMNS, draw_sheet
from ganzoo.pictures.plots import draw_curve, new_figure, plain
from ganzoo.pictures.spreads import Section, balanced, draw_section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE, CURVES = 2.6, 2.4
"""Inches: of a sheet, and the height of a plot over the steps."""


@dataclass(frozen=True)
class GroupPanel:
    """What is drawn of a group. sheet: samples of its first run. evaluations: the records of each run."""

    label: str
    sheet: Image.Image | None
    evaluations: Sequence[Sequence[Mapping[str, Any]]]


Band = tuple[list[float], list[float], list[float]]
"""Steps, means, standard deviations."""


def draw_groups(panels: Sequence[GroupPanel], scores: Section) -> Figure:
    """Sheets of samples, then the scores with their deviations, then the scores during training, if there are any."""
    across = balanced(len(panels), MAX_COLUMNS)
    bands = math.ceil(len(panels) / across)
    plots = bands_of(panels)
    columns = min(len(plots), MAX_COLUMNS) or 1
    below = math.ceil(len(plots) / columns)
    shown = bool(scores.spreads)
    heights = [SIDE + 0.4] * bands + [scores.height] * shown + [CURVES] * below
    figure = new_figure(max(SIDE * across, 3.2 * MAX_COLUMNS if shown or plots else 0), sum(heights))
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    for band in range(bands):
        axes = parts[band].subplots(1, across, squeeze=False)[0]
        for column, own in enumerate(axes):
            number = band * across + column
            if number < len(panels):
                draw_sheet(own, panels[number].label, panels[number].sheet)
            else:
                own.axis("off")
    if shown:
        draw_section(parts[bands], scores)
    for row in range(below):
        axes = parts[bands + shown + row].subplots(1, columns, squeeze=False)[0]
        for column, own in enumerate(axes):
            number = row * columns + column
            if number < len(plots):
                _draw_bands(own, *plots[number], [panel.label for panel in panels])
            else:
                own.axis("off")
    return figure


def bands_of(panels: Sequence[GroupPanel]) -> list[tuple[str, dict[int, Band]]]:
    """For each score during training and protocol, its title, and mean and deviation of each group over the steps."""
    found: dict[tuple[str, str], dict[int, dict[float, list[float]]]] = {}
    for number, panel in enumerate(panels):
        for records in panel.evaluations:
            for record in records:
                for name, value in record.get("scores", {}).items():
                    protocol = str(record.get("protocol", {}).get(name, ""))
                    values = found.setdefault((name, protocol), {}).setdefault(number, {})
                    values.setdefault(record["step"], []).append(value)
    return [
        (f"{name}\n{protocol}".strip(), {number: _band(values) for number, values in groups.items()})
        for (name, protocol), groups in found.items()
    ]


def _band(values: Mapping[float, Sequence[float]]) -> Band:
    steps = sorted(values)
    means = [statistics.fmean(values[step]) for step in steps]
    deviations = [statistics.stdev(values[step]) if len(values[step]) > 1 else 0.0 for step in steps]
    return steps, means, deviations


def _draw_bands(axes: Any, title: str, bands: Mapping[int, Band], labels: Sequence[str]) -> None:
    for number, (steps, means, deviations) in bands.items():
        colour = f"C{number % 10}"
        draw_curve(axes, zip(steps, means, strict=True), label=labels[number], color=colour, linewidth=1)
        low, high = ([m + sign * d for m, d in zip(means, deviations, strict=True)] for sign in (-1, 1))
        axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.set_title(plain(title), fontsize=8)
    axes.set_xlabel("step", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=6)
