"""Series in .csv files: reading any that a user may have, and writing ours."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from ganzoo.errors import GanzooError

from .columns import Columns

SERIES, CLASS = "series", "class"
"""Columns of a file of many series: the number of each row's series, and its class if it has one."""

MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "?"}


@dataclass(frozen=True)
class Sheet:
    """The columns of numbers of a .csv file, `values [R, F]`, in the order of time.

    series: the number of the series of each row, if the file says so. classes: the class of each row. decimals: the
    most that a value of each column has; None where numbers have an exponent. notes: what was left out or turned round.
    """

    names: tuple[str, ...]
    values: np.ndarray
    decimals: tuple[int | None, ...]
    series: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_sheet(path: Path) -> Sheet:
    """The numbers in a .csv file, with commas, semicolons or tabs between them, and with or without a header.

    Columns without any number, such as dates, are left out; rows with the newest date first are turned round. Raises
    GanzooError, with the line, for rows of different lengths, missing values, and text among numbers.
    """
    numbered = _rows(path)
    _, first = numbered[0]
    comma = ";" in _separator(path, first)
    header = None if all(_number(cell, comma) is not None for cell in first) else first
    body = numbered if header is None else numbered[1:]
    if not body:
        raise GanzooError(f"{path} has a header and no rows of numbers.")
    names = (
        [f"column {number}" for number in range(1, len(first) + 1)] if header is None else [n.strip() for n in header]
    )
    titles = [""] * len(first) if header is None else header
    names = [title.strip() or f"column {number}" for number, title in enumerate(titles, 1)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise GanzooError(f"{path} has two columns called {twice!r}: give each a name of its own.")
    for line, cells in body:
        if len(cells) != len(first):
            whose = "the header has" if header is not None else "the first row has"
            raise GanzooError(f"{path}, line {line}: {len(cells)} values, and {whose} {len(first)}.")
    texts = [[cells[at].strip() for _, cells in body] for at in range(len(names))]
    return _sheet(path, names, texts, [line for line, _ in body], comma)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """The rows that are not blank, each with its line number."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise GanzooError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise GanzooError(f"{path} is no text in UTF-8: save it as a .csv file in UTF-8.") from error
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    try:
        reader = csv.reader(lines, delimiter=max(",;\t", key=first.count), strict=True)
        rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise GanzooError(f"{path} cannot be read as .csv: {error}.") from error
    if not rows:
        raise GanzooError(f"{path} is empty: it needs a header and rows of numbers.")
    return rows


def _separator(path: Path, first: Sequence[str]) -> str:
    line = next(line for line in path.read_text("utf-8-sig").splitlines() if line.strip())
    return max(",;\t", key=line.count) if len(first) > 1 else ""


def _number(text: str, comma: bool) -> float | None:
    try:
        return float(text.replace(",", ".") if comma else text)
    except ValueError:
        return None


def _sheet(path: Path, names: list[str], texts: list[list[str]], lines: list[int], comma: bool) -> Sheet:
    """The columns of numbers among columns of text."""
    kept: dict[str, list[float]] = {}
    decimals: list[int | None] = []
    left_out: list[str] = []
    classes: tuple[str, ...] = ()
    for name, cells in zip(names, texts, strict=True):
        numbers = [_number(cell, comma) for cell in cells]
        if name == CLASS and SERIES in names:
            classes = tuple(cells)
        elif not any(
            number is not None and cell.lower() not in MISSING for number, cell in zip(numbers, cells, strict=True)
        ):
            left_out.append(name)
        else:
            kept[name] = _checked(path, name, cells, numbers, lines)
            if name != SERIES:
                decimals.append(_decimals(cells, "," if comma else "."))
    series = kept.pop(SERIES, None)
    if not kept:
        raise GanzooError(f"{path} has no column of numbers.")
    values = np.stack([np.asarray(column) for column in kept.values()], 1)
    notes = [f"columns left out, as they are no numbers: {', '.join(left_out)}"] if left_out else []
    if series is None and any(_newest_first(texts[names.index(name)]) for name in left_out):
        values = values[::-1]
        notes.append("its rows begin with the newest date and were turned round")
    return Sheet(
        tuple(kept), values, tuple(decimals), None if series is None else np.asarray(series), classes, tuple(notes)
    )


def _checked(
    path: Path, name: str, cells: Sequence[str], numbers: Sequence[float | None], lines: Sequence[int]
) -> list[float]:
    """The numbers of a column. Raises GanzooError for the first cell that is none."""
    for cell, number, line in zip(cells, numbers, lines, strict=True):
        where = f"{path}, line {line}, column {name!r}"
        if cell.lower() in MISSING:
            raise GanzooError(f"{where}: a value is missing: fill the gap, or leave the row or the column out.")
        if number is None:
            raise GanzooError(f"{where}: {cell!r} is no number.")
        if not abs(number) < 1e30:
            raise GanzooError(f"{where}: {cell} is too large or not finite.")
    return [number for number in numbers if number is not None]


def _decimals(cells: Iterable[str], point: str) -> int | None:
    most = 0
    for cell in cells:
        if "e" in cell.lower():
            return None
        most = max(most, len(cell.partition(point)[2]))
    return most


def _newest_first(cells: Sequence[str]) -> bool:
    """Whether a column holds ISO dates that fall."""
    try:
        dates = [datetime.fromisoformat(cell) for cell in cells]
        return len(dates) > 1 and all(first > second for first, second in pairwise(dates))
    except (ValueError, TypeError):
        return False


def write_many(path: Path, values: Iterable[np.ndarray], columns: Columns, classes: Sequence[str] = ()) -> None:
    """One file of many series, each `[T, F]` in the user's units, with a column for their number."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([SERIES, *([CLASS] if classes else []), *columns.names])
        for number, rows in enumerate(values):
            of_class = [classes[number]] if classes else []
            writer.writerows([str(number), *of_class, *columns.text(row)] for row in rows)


def write_one(path: Path, rows: np.ndarray, columns: Columns) -> None:
    """A file of one series `[T, F]` in the user's units."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns.names)
        writer.writerows(columns.text(row) for row in rows)
