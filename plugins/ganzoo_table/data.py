"""The data sets: scikit-learn's, and the user's .csv files. Every fifth row, of a fixed random order, is held out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ganzoo.data.common import check_request
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError, printable, unknown
from ganzoo.recipes import Data, DataSpec

from . import csv_files
from .columns import NUMERIC, Column, chosen_kinds, describe, encode, parts_of

SEED = 2020
"""Which rows are held out depends on this seed and their number alone."""

FEWEST = 20
SHOWN = 16
"""Columns whose kinds are printed."""
TARGET = 50
"""Different values above which the last column is not taken for a class."""


def bundled(name: str, data: Data, split: str) -> Dataset:
    """The measurements of one of scikit-learn's tables, and its class as the last column."""
    from sklearn import datasets

    check_request(name, data, split)
    _check_images(name, data)
    load, target = {
        "breast-cancer": (datasets.load_breast_cancer, "diagnosis"),
        "wine": (datasets.load_wine, "cultivar"),
    }[name]
    found = load()
    names = (*map(str, found.feature_names), target)
    classes = [str(each).replace("class_", "cultivar ") for each in found.target_names]
    rows = [[*map(_plain, values), classes[number]] for values, number in zip(found.data, found.target, strict=True)]
    return dataset(name, csv_files.Lines(names, rows, list(range(2, len(rows) + 2)), ","), split, {}, target)


def _plain(value: float) -> str:
    return f"{value:.7f}".rstrip("0").rstrip(".")


def from_file(data: Data, split: str) -> Dataset:
    """The rows of the user's file. Raises GanzooError for a file that is no table, and columns of no kind."""
    check_request("table-csv", data, split, argument="path")
    _check_images("table-csv", data)
    if not data.path:
        raise GanzooError("table-csv needs a file: type --dataset FILE.csv.")
    lines = csv_files.read(data.path)
    kinds = chosen_kinds(data.settings.get("types", ""), lines.names)
    try:
        return dataset("table-csv", lines, split, kinds, data.settings.get("target", ""))
    except GanzooError as error:
        raise GanzooError(f"{data.path}: {error}") from error


def _check_images(name: str, data: Data) -> None:
    for key in ("size", "channels", "flip", "low", "high"):
        if getattr(data, key) not in (None, False):
            raise GanzooError(f"{name} is a table, and data.{key} is for images: leave it out.")


def dataset(name: str, lines: csv_files.Lines, split: str, kinds: dict[str, str] | object, target: str) -> Dataset:
    """The training or the held-out rows of a table.

    kinds: of columns that are not to be inferred, by name. target: the column to predict, or "" for the last one if
    that is a category. Means, deviations and ranges are those of the training rows; the values of categories are those
    of all rows. Raises GanzooError for fewer than 20 rows, and columns that have no kind.
    """
    assert isinstance(kinds, dict)
    if len(lines.rows) < FEWEST:
        rows = "row" if len(lines.rows) == 1 else "rows"
        raise GanzooError(f"it has {len(lines.rows)} {rows}, and at least {FEWEST} are needed.")
    order = torch.randperm(len(lines.rows), generator=torch.Generator().manual_seed(SEED))
    held_out = len(order) // 5
    train, test = order[held_out:].sort().values.tolist(), order[:held_out].sort().values.tolist()
    kept = [at for at, column in enumerate(lines.names) if kinds.get(column) != "skip"]
    if not kept:
        raise GanzooError("all of its columns are skipped.")
    columns = [
        describe(lines.names[at], [row[at] for row in lines.rows], train, kinds.get(lines.names[at], "")) for at in kept
    ]
    chosen = test if split == "test" else train
    x = torch.from_numpy(encode([[lines.rows[row][at] for at in kept] for row in chosen], columns))
    note = {
        "columns": columns,
        "parts": parts_of(columns),
        "target": _target(columns, target),
        "delimiter": lines.delimiter,
    }
    own = name == "table-csv" and split == "train"
    notes = _notes(columns, lines, kept) if own else ()
    return Dataset({"x": x}, DataSpec(name, "table", tuple(x.shape[1:]), range=None, note=note), notes=notes)


def _target(columns: Sequence[Column], wanted: str) -> str:
    """The name of the column that is predicted in scores; "" if none was asked for and the last one is no class."""
    names = [column["name"] for column in columns]
    if wanted and wanted not in names:
        raise unknown("column", wanted, names, "(data.settings.target)")
    last = columns[-1]
    return wanted or (names[-1] if last["kind"] not in NUMERIC and len(last["values"]) <= TARGET else "")


def _notes(columns: Sequence[Column], lines: csv_files.Lines, kept: Sequence[int]) -> tuple[str, ...]:
    """How the columns were understood, and which may be names of rows."""
    kinds = [f"{printable(column['name'])} ({column['kind']})" for column in columns]
    more = f" and {len(kinds) - SHOWN} more" if len(kinds) > SHOWN else ""
    notes = [f"columns: {', '.join(kinds[:SHOWN])}{more}."]
    for column, at in zip(columns, kept, strict=True):
        values = [row[at] for row in lines.rows]
        if column["kind"] in ("integer", "category") and len(set(values)) == len(values):
            name = printable(column["name"])
            notes.append(
                f"the column {name!r} differs in every row, as numbers or names of rows do: "
                f"leave it out with --set data.settings.types={name}=skip."
            )
    return tuple(notes)


def read_like(path: Path, spec: DataSpec) -> torch.Tensor:
    """The rows of a file with the columns of `spec`, in any order, `[N, D]`. Raises GanzooError if any is missing."""
    lines, columns = csv_files.read(path), spec.note["columns"]
    places = {name: at for at, name in enumerate(lines.names)}
    lacking = [printable(column["name"]) for column in columns if column["name"] not in places]
    if lacking:
        raise GanzooError(f"{path} lacks the columns {', '.join(lacking)} of {spec.name}.")
    order = [places[column["name"]] for column in columns]
    try:
        return torch.from_numpy(encode([[row[at] for at in order] for row in lines.rows], columns))
    except ValueError as error:
        raise GanzooError(f"{path} does not fit {spec.name}: {error}.") from error
