"""The sheets of a run over time, as part of a page."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from ganzoo.pictures.inline import Picture, read_picture
from ganzoo.reporting.bounds import text
from ganzoo.runs.state import FINISHED, RUNNING, State

SHEET = re.compile(r"\d{1,15}\.(png|txt)", re.ASCII)
"""Names of sheets: the step."""

FRAMES = 24
"""Sheets of a run that a page shows, at most."""

LINES, LINE = 16, 240
"""Lines of text that a sheet shows, and characters of each."""

READ = 2**16
"""Bytes that are read of a text file."""


@dataclass(frozen=True)
class Sheet:
    """Samples at a step: a picture, lines of text for kinds of data that are text, or both."""

    step: int
    picture: Picture | None = None
    lines: list[str] = field(default_factory=list)


def read_sheets(folder: Path, state: State, frames: int = FRAMES, text_alone: bool = False) -> list[Sheet]:
    """Sheets of a run over time, evenly spaced if there are many; the newest is always one of them.

    text_alone: leave pictures out where there are lines of text.
    """
    found = steps_in(folder / "samples")
    steps = evenly(sorted(found), frames)
    sheets_ = [sheet for step in steps if (sheet := _sheet(step, folder / "samples", found[step], text_alone))]
    last = _of_stop(folder, state, max(found, default=-1), text_alone)
    return [*sheets_, *([last] if last else [])]


def steps_in(folder: Path) -> dict[int, list[str]]:
    """The names of the sheets in a folder by step."""
    found: dict[int, list[str]] = {}
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if SHEET.fullmatch(path.name):
                found.setdefault(int(path.stem), []).append(path.name)
    return found


def evenly(steps: list[int], most: int) -> list[int]:
    """At most so many of the steps, the first and the last among them."""
    if len(steps) <= most:
        return steps
    return [steps[round(number * (len(steps) - 1) / (most - 1))] for number in range(most)]


def _sheet(step: int, folder: Path, names: list[str], text_alone: bool) -> Sheet | None:
    texts = [name for name in names if name.endswith(".txt")]
    lines = read_lines(folder / texts[0]) if texts else []
    pictures = [name for name in names if name.endswith(".png")]
    picture = read_picture(folder / pictures[0]) if pictures and not (lines and text_alone) else None
    return Sheet(step, picture, lines) if picture or lines else None


def _of_stop(folder: Path, state: State, newest: int, text_alone: bool) -> Sheet | None:
    """The samples of a run that was stopped between two sheets, which are in samples.png or samples.txt alone."""
    if state.name in (RUNNING, FINISHED) or state.step <= newest:
        return None
    lines = read_lines(folder / "samples.txt")
    picture = None if lines and text_alone else read_picture(folder / "samples.png")
    return Sheet(state.step, picture, lines) if picture or lines else None


def read_lines(path: Path) -> list[str]:
    """The first lines of a text file of a run folder; none if it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(READ).decode("utf-8", "replace")
    except OSError:
        return []
    return [text(line, LINE) for line in content.split("\n")[:LINES] if line.strip()]
