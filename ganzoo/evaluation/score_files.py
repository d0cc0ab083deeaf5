"""Reading files of scores, which may be damaged or anyone's. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from ganzoo.errors import GanzooError
from ganzoo.evaluation.ideals import decides
from ganzoo.files.records import Count, read_json

Number = Annotated[float, Field(allow_inf_nan=False)]


class Protocol(BaseModel):
    """The parts of a score's protocol that are read by name; comparisons use all of it."""

    name: str = ""
    step: Count = 0
    weights: str = ""
    seed: int | None = None


class Row(BaseModel):
    """Schema of a score in a file."""

    name: str
    value: Number
    real: Number | None = None
    better: Literal["higher", "lower", ""] | Number = ""
    error: Number | None = None
    real_error: Number | None = None
    protocol: Protocol


class Stored(BaseModel):
    """Schema of a file of scores."""

    scores: list[Row]
    notes: list[str] = []


def read_scores(path: Path) -> dict[str, Any] | None:
    """The content of a file of scores, or None if it does not exist. Raises GanzooError if it is damaged."""
    if not os.path.lexists(path):
        return None
    found: dict[str, Any] | None = read_json(path, Stored)
    if found is None:
        raise GanzooError(f"{path} is damaged: remove it and score the run again.")
    return {"notes": []} | found


def main_row(rows: Iterable[dict[str, Any]], criteria: Sequence[str]) -> dict[str, Any] | None:
    """The row of a file of scores that says most of a run in one number; None if no value is better than another.

    criteria: metrics that decide which state is the best, as in `Modality`; without any, the first row with a direction
    does. Of rows that differ in weights only, the one of the averaged weights.
    """
    known = [row for row in rows if decides(row.get("better", ""))]
    known.sort(key=lambda row: row["protocol"].get("weights") != "ema")
    for name in criteria:
        for row in known:
            if row["protocol"].get("metric") == name:
                return row
    return next(iter(known), None)
