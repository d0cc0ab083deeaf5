"""What the columns of a table are, and rows as numbers: standardised values, and one number for each category.

A column is described in the types of JSON, so that it is kept in `DataSpec.note`:

- `name`, `kind` ("number", "integer", "date", "boolean", "category"), and `missing`: text of missing values, or None;
- of numbers, integers and dates: `mean`, `std`, `low`, `high` of the training rows, and `digits` after the point (None
  for all seven significant ones); `prefix`, `suffix` and `point` around and in their text; `format` of dates;
- of categories and truth values: `values`, in order.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ganzoo.errors import GanzooError, printable, unknown

Column = dict[str, Any]

KINDS = ("number", "integer", "category", "boolean", "date", "skip")
NUMERIC = ("number", "integer", "date")
MISSING = frozenset(("", "na", "n/a", "#n/a", "nan", "null", "none", "<na>", "?"))
"""Texts of missing values, in lower case: pandas' and UCI's."""

BOOLEANS = ({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"}, {"0", "1"})
CATEGORIES = 500
"""Different values above which a column is no category, unless the user says so."""

INTEGER = re.compile(r"[+-]?(0|[1-9]\d*)")
NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
AROUND = re.compile(r"([$€£¥]?)([+-]?[\d.]+)([^\d.]*)")
"""A currency, a number, a unit."""

FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d",
    "%d.%m.%Y",
)
EPOCH = datetime.datetime(1970, 1, 1)


def describe(name: str, texts: Sequence[str], train: Sequence[int], kind: str = "") -> Column:
    """The column of these texts; its statistics are those of the rows `train`. Raises GanzooError if it has no kind.

    kind: as the user says, or "" to infer it.
    """
    shown = printable(name)
    tokens = Counter(text for text in texts if is_missing(text))
    values = list(dict.fromkeys(text for text in texts if not is_missing(text)))
    missing = tokens.most_common(1)[0][0] if tokens else None
    if not values:
        raise GanzooError(
            f"the column {shown!r} has no values: remove it from the file, or leave it out with "
            f"--set data.settings.types={shown}=skip."
        )
    column: Column = {"name": name, "kind": kind or infer(values), "missing": missing}
    if column["kind"] in NUMERIC:
        column |= _form(shown, values, column["kind"])
        numbers = [number for number in numbers_of([texts[row] for row in train], column) if not np.isnan(number)]
        if not numbers:
            numbers = [number for number in numbers_of(texts, column) if not np.isnan(number)]
        deviation = float(np.std(numbers))
        column |= {
            "mean": float(np.mean(numbers)),
            "std": deviation if deviation > 0 else 1.0,
            "low": float(np.min(numbers)),
            "high": float(np.max(numbers)),
        }
        return column
    if column["kind"] == "boolean" and len(values) > 2:
        raise GanzooError(f"the column {shown!r} has {len(values)} different values, which is too many for a boolean.")
    if not kind and len(values) > CATEGORIES:
        odd = [value for value in values if not NUMBER.fullmatch(value)]
        advice = (
            f"correct {printable(odd[0])!r}, which is no number, or"
            if len(odd) < len(values) / 10
            else "leave it out or"
        )
        raise GanzooError(
            f"the column {shown!r} has {len(values):,} different values: {advice} say what it is with "
            f"--set data.settings.types={shown}=skip or {shown}=category."
        )
    return column | {"values": sorted(values)}


def is_missing(text: str) -> bool:
    return text.lower() in MISSING


def infer(values: Sequence[str]) -> str:
    """The kind of a column with these different values, none of which is missing."""
    if len(values) == 2 and {value.lower() for value in values} in BOOLEANS:
        return "boolean"
    for kind in ("integer", "number", "date"):
        try:
            _form("", values, kind)
        except GanzooError:
            continue
        return kind
    return "category"


def _form(name: str, values: Sequence[str], kind: str) -> Column:
    """How numbers of a kind are written in these values. Raises GanzooError for a value that is none."""
    if kind == "date":
        for form in FORMATS:
            if all(_fits(value, form) for value in values):
                return {"format": form}
        raise GanzooError(f"the column {name!r} has values that are no dates, such as {printable(values[0])!r}.")
    whole = INTEGER if kind == "integer" else NUMBER
    if all(whole.fullmatch(value) for value in values):
        return {"prefix": "", "suffix": "", "point": ".", "digits": _digits(values, ".") if kind == "number" else 0}
    if kind == "number" and all(NUMBER.fullmatch(value.replace(",", ".")) for value in values):
        return {"prefix": "", "suffix": "", "point": ",", "digits": _digits(values, ",")}
    found = [AROUND.fullmatch(value) for value in values]
    around = {(match[1], match[3]) for match in found if match}
    if all(match and whole.fullmatch(match[2]) for match in found) and len(around) == 1 and len(values) > 1:
        prefix, suffix = around.pop()
        digits = _digits([match[2] for match in found if match], ".") if kind == "number" else 0
        return {"prefix": prefix, "suffix": suffix, "point": ".", "digits": digits}
    odd = next((value for value in values if not whole.fullmatch(value)), values[0])
    raise GanzooError(f"the column {name!r} has values that are no {kind}s, such as {printable(odd)!r}.")


def _fits(value: str, form: str) -> bool:
    try:
        datetime.datetime.strptime(value, form)
    except ValueError:
        return False
    return True


def _digits(values: Sequence[str], point: str) -> int | None:
    """The most digits after the decimal point; None if any number has an exponent."""
    if any("e" in value.lower() for value in values):
        return None
    return max(len(value.partition(point)[2]) for value in values)


def numbers_of(texts: Sequence[str], column: Column) -> np.ndarray:
    """Texts as numbers, float64 `[N]`, NaN where one is missing; dates are days or seconds since 1970.

    Raises ValueError for a text that is neither a number of this column nor missing.
    """
    convert = _number_reader(column)
    return np.array([np.nan if is_missing(text) else convert(text) for text in texts], np.float64)


def _number_reader(column: Column) -> Callable[[str], float]:
    if column["kind"] == "date":
        form, unit = column["format"], _unit(column)
        return lambda text: (datetime.datetime.strptime(text, form) - EPOCH).total_seconds() / unit
    prefix, suffix, point = column["prefix"], column["suffix"], column["point"]

    def convert(text: str) -> float:
        number = text.removeprefix(prefix).removesuffix(suffix).replace(point, ".")
        if not NUMBER.fullmatch(number):
            raise ValueError(text)
        return float(number)

    return convert


def _unit(column: Column) -> int:
    return 1 if "%H" in column["format"] else 86400


def parts_of(columns: Sequence[Column]) -> list[list[Any]]:
    """What the numbers of a row are, in order: `["value", 1]` and, one number for each value, `["choice", K]`.

    A number that may be missing is a value and a choice of two: there, missing. A category has missing as its last one.
    """
    parts: list[list[Any]] = []
    for column in columns:
        if column["kind"] in NUMERIC:
            parts.append(["value", 1])
            if column["missing"] is not None:
                parts.append(["choice", 2])
        else:
            parts.append(["choice", len(column["values"]) + (column["missing"] is not None)])
    return parts


def encode(rows: Sequence[Sequence[str]], columns: Sequence[Column]) -> np.ndarray:
    """Rows of texts as float32 `[N, D]`. Raises ValueError with the column and what is wrong with a text."""
    made = []
    for at, column in enumerate(columns):
        texts = [row[at] for row in rows]
        absent = np.array([is_missing(text) for text in texts])
        if column["missing"] is None and absent.any():
            raise ValueError(f"the column {printable(column['name'])!r} has missing values")
        if column["kind"] in NUMERIC:
            try:
                numbers = numbers_of(texts, column)
            except ValueError as error:
                odd = printable(str(error))[:80]
                raise ValueError(f"the column {printable(column['name'])!r} is of another kind ({odd})") from error
            made.append(np.nan_to_num((numbers - column["mean"]) / column["std"])[:, None])
            if column["missing"] is not None:
                made.append(np.stack([~absent, absent], 1))
            continue
        known = {value: number for number, value in enumerate(column["values"])}
        places = [len(known) if is_missing(text) else known.get(text, -1) for text in texts]
        if -1 in places:
            odd = printable(texts[places.index(-1)])[:80]
            raise ValueError(f"the column {printable(column['name'])!r} has a value that the data lack, {odd!r}")
        made.append(np.eye(len(known) + (column["missing"] is not None))[places])
    return np.concatenate(made, 1).astype(np.float32)


def decode(x: np.ndarray, columns: Sequence[Column]) -> list[np.ndarray]:
    """Numbers `[N, D]` as the columns' values: float64 `[N]`, NaN where missing, or places in `values`, int64 `[N]`.

    Of the numbers of a choice, the largest counts. Values are rounded as the column's are, and clipped to the training
    rows' range. A missing category is the place after the last value.
    """
    found, start = [], 0
    for column in columns:
        if column["kind"] not in NUMERIC:
            width = len(column["values"]) + (column["missing"] is not None)
            found.append(x[:, start : start + width].argmax(1))
            start += width
            continue
        numbers = x[:, start].astype(np.float64) * column["std"] + column["mean"]
        numbers = np.clip(numbers, column["low"], column["high"])
        digits = 0 if column["kind"] in ("date", "integer") else column["digits"]
        # Without digits after the point, Python writes 2 for 2.0.
        numbers = numbers.astype(np.float32).astype(np.float64) if digits is None else np.round(numbers, digits)
        start += 1
        if column["missing"] is not None:
            numbers[x[:, start : start + 2].argmax(1) == 1] = np.nan
            start += 2
        found.append(numbers)
    return found


def texts_of(x: np.ndarray, columns: Sequence[Column]) -> list[list[str]]:
    """Numbers `[N, D]` as rows of texts, as they are written to a file."""
    made = []
    for column, values in zip(columns, decode(x, columns), strict=True):
        missing = column["missing"]
        if column["kind"] in NUMERIC:
            write = _number_writer(column)
            made.append([missing if np.isnan(value) else write(value) for value in values])
        else:
            known = [*column["values"], missing]
            made.append([known[place] for place in values])
    return [list(row) for row in zip(*made, strict=True)]


def _number_writer(column: Column) -> Callable[[float], str]:
    if column["kind"] == "date":
        form, unit = column["format"], _unit(column)
        return lambda value: (EPOCH + datetime.timedelta(seconds=value * unit)).strftime(form)
    prefix, suffix, point, digits = (column[key] for key in ("prefix", "suffix", "point", "digits"))

    def write(value: float) -> str:
        text = f"{value:.7g}" if digits is None else f"{value:.{digits}f}"
        text = text.removeprefix("-") if not text.strip("-0.") else text
        return prefix + text.replace(".", point) + suffix

    return write


def chosen_kinds(given: str, names: Sequence[str]) -> Mapping[str, str]:
    """The kinds that the user says, by column, from `age=integer,id=skip`. Raises GanzooError for unknown names."""
    kinds = {}
    for part in filter(None, (part.strip() for part in given.split(","))):
        name, _, kind = part.rpartition("=")
        if name not in names:
            raise unknown("column", name or part, names, "(write data.settings.types=NAME=KIND,NAME=KIND)")
        if kind not in KINDS:
            raise unknown("kind of column", kind, KINDS)
        kinds[name] = kind
    return kinds
