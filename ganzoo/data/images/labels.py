"""Label files beside images: StyleGAN's dataset.json, and metadata.csv or metadata.jsonl of the `datasets` library."""

from __future__ import annotations

import csv
import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.files.typed import require_readable_kind

LABEL_COLUMNS = ("label", "labels", "class", "class_name", "category", "target", "y")

HIGHEST = 100_000
"""Labels of dataset.json are the numbers of classes; a higher one is taken for something else."""


@dataclass
class Labels:
    """The labels of images by relative path, from label files.

    numbered: whether they are the numbers of the classes, as in dataset.json, rather than their names. files: those
    that were read. notes: lines on those that were not.
    """

    by_name: dict[str, str] = field(default_factory=dict)
    numbered: bool = False
    files: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_labels(folder: Path, files: Iterable[str]) -> Labels:
    """The labels in `files`, relative paths of label files in `folder`.

    Raises GanzooError, with what to type, for a file that cannot be read, and for labels of two kinds.
    """
    labels = Labels()
    for name in files:
        numbered = name.endswith("dataset.json")
        require_readable_kind(folder / name)
        try:
            rows = _dataset_json(folder / name) if numbered else _metadata(folder / name)
        except (OSError, ValueError, csv.Error) as error:
            reason = " ".join(str(error).split())[:120]
            raise GanzooError(
                f"cannot read labels from {folder / name} ({reason}): mend it, or give it another name."
            ) from error
        if isinstance(rows, str):
            labels.notes += [f"{name} is not used: {rows}"] if rows else []
            continue
        if labels.by_name and numbered != labels.numbered:
            raise GanzooError(f"{folder / labels.files[0]} and {folder / name} both have labels: remove one of them.")
        prefix = posixpath.dirname(name)
        for image, label in rows.items():
            labels.by_name[posixpath.normpath(posixpath.join(prefix, image.replace("\\", "/")))] = label
        labels.numbered = numbered
        labels.files.append(name)
    return labels


def _dataset_json(path: Path) -> dict[str, str] | str:
    """The labels by file name, none for a file that says so; a reason if it has labels of another kind."""
    content = json.loads(path.read_text("utf-8"))
    if not isinstance(content, dict) or "labels" not in content:
        return 'it has no "labels"'
    rows = content["labels"] or {}
    pairs: list[Any] = list(rows.items() if isinstance(rows, dict) else rows) if isinstance(rows, (dict, list)) else [0]
    labels: dict[str, str] = {}
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(pair[0], str):
            return 'its "labels" are not pairs of a file name and a number'
        if pair[1] is None:
            continue
        if not isinstance(pair[1], int) or isinstance(pair[1], bool) or not 0 <= pair[1] <= HIGHEST:
            return f"the label of {pair[0]} is not the number of a class"
        labels[pair[0]] = str(pair[1])
    return labels


def _metadata(path: Path) -> dict[str, str] | str:
    """The labels by file name; a reason if there are none, "" if it is metadata of another kind (captions)."""
    labels: dict[str, str] = {}
    columns: set[str] = set()
    for row in _rows(path):
        columns |= {str(column) for column in row}
        name, label = row.get("file_name"), _label(row)
        if name is not None and label is not None:
            labels[str(name)] = label
    if "file_name" not in columns:
        return "it has no column file_name"
    return labels or ("" if _label_column(columns) is None else "it has no labels")


def _label(row: Mapping[str, Any]) -> str | None:
    column = _label_column(row)
    value = None if column is None else row[column]
    if isinstance(value, (list, dict)):
        raise ValueError(f"the label of {row.get('file_name')} is not one class")
    return None if value is None or value == "" else str(value)


def _label_column(columns: Iterable[str]) -> str | None:
    known = {str(column).lower(): column for column in columns}
    return next((known[name] for name in LABEL_COLUMNS if name in known), None)


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file)
        return
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError(f"line {number} is not an object")
                yield row
