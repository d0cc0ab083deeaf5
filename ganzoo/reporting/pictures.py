"""Pictures of a run folder as part of a page: read safely, made small, and written into it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from ganzoo.pictures import sheets
from ganzoo.reporting.bounds import text
from ganzoo.runs.state import FINISHED, RUNNING, State

SHEET = re.compile(r"\d{1,15}\.(png|txt)", re.ASCII)
"""Names of sheets: the step."""

FRAMES = 24
"""Sheets of a run that a page shows, at most."""

WIDEST = 900
"""Pixels; wider pictures are made smaller."""

TALLEST = 1800

LOSSLESS = 60_000
"""Bytes up to which a picture is PNG; larger ones are WebP."""

LINES, LINE = 16, 240
"""Lines of text that a sheet shows, and characters of each."""

READ = 2**16
"""Bytes that are read of a text file."""


@dataclass(frozen=True)
class Picture:
    """A picture. uri: its content, as the address of an image."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Sheet:
    """Samples at a step: lines of text for kinds of data that are text, else a picture."""

    step: int
    picture: Picture | None = None
    lines: list[str] = field(default_factory=list)


def read_picture(path: Path, widest: int = WIDEST) -> Picture | None:
    """A picture of a run folder; None if there is none that can be read."""
    image = sheets.read(path) if path.is_file() else None
    if image is None:
        return None
    grey = all(channel == (0, 0) for channel in _colour(image))
    image = image.convert("L") if grey else image
    if image.width > widest or image.height > TALLEST:
        image.thumbnail((widest, TALLEST), Image.Resampling.LANCZOS)
    kind, content = "png", sheets.encoded(image, ".png")
    if len(content) > LOSSLESS:
        kind, content = "webp", sheets.encoded(image, ".webp", quality=82)
    return Picture(f"data:image/{kind};base64,{base64.b64encode(content).decode()}", image.width, image.height)


def _colour(image: Image.Image) -> list[tuple[int, int]]:
    """The lowest and highest difference of red and green, and of green and blue."""
    from PIL import ImageChops

    red, green, blue = image.split()
    found = []
    for a, b in ((red, green), (green, blue)):
        low, high = ImageChops.difference(a, b).getextrema()
        found.append((int(low), int(high)))  # type: ignore[arg-type]
    return found


def read_sheets(folder: Path, state: State, frames: int = FRAMES) -> list[Sheet]:
    """Sheets of a run over time, evenly spaced if there are many; the newest is always one of them."""
    found = steps_in(folder / "samples")
    sheets_ = [
        sheet for step in evenly(sorted(found), frames) if (sheet := _sheet(step, folder / "samples", found[step]))
    ]
    last = _of_stop(folder, state, max(found, default=-1))
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


def _sheet(step: int, folder: Path, names: list[str]) -> Sheet | None:
    texts = [name for name in names if name.endswith(".txt")]
    lines = read_lines(folder / texts[0]) if texts else []
    if lines:
        return Sheet(step, None, lines)
    pictures = [name for name in names if name.endswith(".png")]
    picture = read_picture(folder / pictures[0]) if pictures else None
    return Sheet(step, picture) if picture else None


def _of_stop(folder: Path, state: State, newest: int) -> Sheet | None:
    """The samples of a run that was stopped between two sheets, which are in samples.png or samples.txt alone."""
    if state.name in (RUNNING, FINISHED) or state.step <= newest:
        return None
    lines = read_lines(folder / "samples.txt")
    picture = None if lines else read_picture(folder / "samples.png")
    return Sheet(state.step, picture, lines) if picture or lines else None


def read_lines(path: Path) -> list[str]:
    """The first lines of a text file of a run folder; none if it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(READ).decode("utf-8", "replace")
    except OSError:
        return []
    return [text(line, LINE) for line in content.split("\n")[:LINES] if line.strip()]
