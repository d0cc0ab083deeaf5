"""How long the rest of a grid will take, from the cells that were finished so far."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from ganzoo.api.bench.grid import Cell, Group
from ganzoo.pictures.tables import format_duration


@dataclass
class Pace:
    """Seconds of wall-clock time of finished cells, by group."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, cell: Cell, seconds: float) -> None:
        """Take note of a cell that was trained and scored."""
        self.seconds.setdefault(cell.group.folder, []).append(seconds)

    def left(self, cells: Sequence[Cell], jobs: int = 1) -> str:
        """The time that these cells will take, `jobs` at a time, in words; "" while nothing is known.

        A cell takes as long as others of its group, else as an average cell.
        """
        if not self.seconds:
            return ""
        average = statistics.fmean(value for values in self.seconds.values() for value in values)
        return f"about {format_duration(sum(self._of(cell.group, average) for cell in cells) / jobs)} left"

    def _of(self, group: Group, average: float) -> float:
        found = self.seconds.get(group.folder)
        return statistics.fmean(found) if found else average
