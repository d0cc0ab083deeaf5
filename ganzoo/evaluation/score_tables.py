"""Scores as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ganzoo.errors import printable
from ganzoo.evaluation.ideals import describe
from ganzoo.pictures.tables import ScoreTable, format_mean

ERRORS = "±: one standard error, because of the number of samples."


def score_table(rows: Iterable[Mapping[str, Any]], notes: Iterable[str] = ()) -> ScoreTable:
    """A row for each score: its value, that of real data, and which values are better. rows: as in scores.json."""
    cells = []
    errors = False
    for row in rows:
        real = row.get("real")
        errors = errors or row.get("error") is not None
        cells.append(
            [
                printable(row["name"]),
                describe(row.get("better", "")),
                format_mean(row["value"], row.get("error")),
                "" if real is None else format_mean(real, row.get("real_error")),
            ]
        )
    header = ["score", "better", "samples", "real data"]
    return ScoreTable("", header, cells, 2, notes=[*([ERRORS] if errors else []), *map(printable, notes)])
