"""Reads and writes .csv files with a header."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganzoo.errors import GanzooError, printable
from ganzoo.files.typed import require_readable_kind, typed_path

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Lines:
    """A table as text. rows: a value for each name; numbers: the line of the file that each row ends at."""

    names: tuple[str, ...]
    rows: list[list[str]]
    numbers: list[int]
    delimiter: str


def read(given: str | Path) -> Lines:
    """The header and rows of a file, without the spaces around values. Raises GanzooError for anything but a table."""
    path = typed_path(given)
    require_readable_kind(path)
    if path.is_dir() or not path.exists():
        raise GanzooError(f"there is no file {path}: name a .csv file.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise GanzooError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise _refusal(path, "it is not UTF-8 text; in a spreadsheet, save it as 'CSV UTF-8'") from error
    if not text.strip():
        raise _refusal(path, "it is empty")
    header = next(line for line in text.splitlines() if line.strip())
    delimiter = max(DELIMITERS, key=lambda each: len(next(csv.reader([header], delimiter=each))))
    rows: list[list[str]] = []
    numbers: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            # A row of a single column may be empty: a missing value.
            if row or (numbers and len(rows[0]) == 1):
                rows.append([value.strip() for value in row] or [""])
                numbers.append(reader.line_num)
    except csv.Error as error:
        raise _refusal(path, f"line {reader.line_num} is no line of a .csv file ({error})") from error
    names, rows, numbers = rows[0], rows[1:], numbers[1:]
    _check_header(path, names)
    for row, number in zip(rows, numbers, strict=True):
        if len(row) != len(names):
            values = "value" if len(row) == 1 else "values"
            raise _refusal(path, f"line {number} has {len(row)} {values}, and the header has {len(names)} names")
    if not rows:
        raise _refusal(path, "it has a header and no rows")
    return Lines(tuple(names), rows, numbers, delimiter)


def _check_header(path: Path, names: Sequence[str]) -> None:
    for at, name in enumerate(names, 1):
        if not name:
            raise _refusal(path, f"column {at} has no name in the header")
        if name in names[: at - 1]:
            raise _refusal(path, f"two columns are called {printable(name)!r}")
    if all(_is_number(name) for name in names):
        raise _refusal(path, "its first line holds numbers, not the names of columns; add a header")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refusal(path: Path, what: str) -> GanzooError:
    return GanzooError(f"{path} cannot be read as a table: {what}.")


def write(path: Path, names: Sequence[str], rows: Iterable[Sequence[str]], delimiter: str = ",") -> None:
    """Write a table. Raises OSError."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
