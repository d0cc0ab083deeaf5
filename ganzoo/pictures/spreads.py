"""Scores of several groups of runs: means as dots with their standard deviations over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ganzoo.pictures.plots import LARGEST, new_figure, plain

ACROSS = 3
"""Plots in a row."""

WIDTH, ROW, FRAME = 3.2, 0.27, 0.85
"""Inches: of a plot, of a group in it, and of its title and axis."""


@dataclass(frozen=True)
class Spread:
    """A score of some groups. title: its name and direction. real: the score of real data.

    rows: mean and standard deviation (None for a single run) of each group; None for a group without the score.
    """

    title: str
    rows: Sequence[tuple[float, float | None] | None]
    real: float | None = None


@dataclass(frozen=True)
class Section:
    """The scores of groups on one data set. labels: of the groups."""

    title: str
    labels: Sequence[str]
    spreads: Sequence[Spread] = field(default_factory=list)

    @property
    def height(self) -> float:
        """In inches."""
        return math.ceil(len(self.spreads) / ACROSS) * (FRAME + ROW * len(self.labels)) + (0.3 if self.title else 0)

    @property
    def across(self) -> int:
        """Plots in a row, in rows of about equal length."""
        return balanced(len(self.spreads), ACROSS)


def balanced(count: int, most: int) -> int:
    """How many of `count` plots are in a row of at most that many, so that the last row is not much shorter."""
    return math.ceil(count / max(1, math.ceil(count / most)))


def draw_sections(sections: Sequence[Section]) -> Any:
    """A figure with each section below the other."""
    shown = [section for section in sections if section.spreads]
    longest = max([len(label) for section in shown for label in section.labels], default=0)
    across = max([section.across for section in shown], default=1)
    figure = new_figure(WIDTH * across + 0.075 * longest, max(1.0, sum(section.height for section in shown)))
    if shown:
        parts = figure.subfigures(len(shown), 1, height_ratios=[section.height for section in shown], squeeze=False)
        for part, section in zip(parts[:, 0], shown, strict=True):
            draw_section(part, section)
    return figure


def draw_section(part: Any, section: Section) -> None:
    """Draw a section into a figure or a part of one."""
    if section.title:
        part.suptitle(plain(section.title), fontsize=10)
    across = section.across
    axes = part.subplots(math.ceil(len(section.spreads) / across), across, squeeze=False, sharey=True).flatten()
    for own, spread in zip(axes, section.spreads, strict=False):
        _draw(own, spread)
    for own in axes[len(section.spreads) :]:
        own.axis("off")
    axes[0].set_yticks(range(len(section.labels)), [plain(label) for label in section.labels])
    axes[0].set_ylim(len(section.labels) - 0.5, -0.5)


def _draw(axes: Any, spread: Spread) -> None:
    for number, row in enumerate(spread.rows):
        if row is not None and abs(row[0]) < LARGEST:
            mean, deviation = row
            known = deviation if deviation is not None and deviation < LARGEST else None
            axes.errorbar(mean, number, xerr=known, fmt="o", markersize=4, capsize=3, color=f"C{number % 10}")
    if spread.real is not None:
        axes.axvline(spread.real, linestyle="--", linewidth=1, color="0.5")
    axes.set_title(plain(spread.title), fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3, axis="x")
