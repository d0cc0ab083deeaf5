"""How far a run is, from what is in its folder. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.files import checkpoint
from ganzoo.files.lock import is_held
from ganzoo.files.records import last_record, read_records
from ganzoo.runs.reading import LOGGED, Hinted

RUNNING, FINISHED, FAILED, STOPPED = "running", "finished", "failed", "stopped"

NON_FINITE = "non-finite"
"""The hint of a run that stopped because of a number that is not finite."""


@dataclass(frozen=True)
class State:
    """How far a run is.

    name: "running", "finished", "failed" (at a number that is not finite) or "stopped". step: the newest one that is
    saved, or of a running one the newest that is logged. steps: in all; None if recipe.json does not say. seconds: of
    training up to the last logged step. updated: when something was last logged or saved, in seconds since 1970.
    """

    name: str
    step: int
    steps: int | None
    seconds: float | None
    updated: float

    @property
    def progress(self) -> str:
        """`1,200 of 2,000`, or `2,000` if there are no more."""
        if self.steps is None or self.step == self.steps:
            return f"{self.step:,}"
        return f"{self.step:,} of {self.steps:,}"


def state_of(folder: Path, info: Mapping[str, Any]) -> State:
    """How far the run in a folder is. info: the content of its recipe.json."""
    saved = max(checkpoint.found(folder / "checkpoints"), default=0)
    last = last_record(folder / "metrics.jsonl", *LOGGED) or {}
    logged = int(last.get("step", 0))
    steps = info["recipe"].get("steps")
    known = isinstance(steps, int) and not isinstance(steps, bool) and steps > 0
    if is_held(folder):
        name, step = RUNNING, max(saved, logged)
    elif known and saved >= steps:
        name, step = FINISHED, saved
    else:
        name, step = FAILED if _failed(folder, saved) else STOPPED, saved
    return State(name, step, steps if known else None, last.get("seconds"), _updated(folder))


def _failed(folder: Path, saved: int) -> bool:
    """Whether training ended at a number that is not finite, after the newest checkpoint."""
    hints = read_records(folder / "hints.jsonl", Hinted)
    return any(hint["name"] == NON_FINITE and hint["step"] > saved for hint in hints)


def _updated(folder: Path) -> float:
    times = []
    for name in ("recipe.json", "metrics.jsonl", "checkpoints"):
        try:
            times.append((folder / name).stat().st_mtime)
        except OSError:
            continue
    return max(times, default=0.0)
