"""Real series: the user's .csv files, and a share's prices that come with matplotlib."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view

from ganzoo.data.common import check_request
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data, DataSpec

from .columns import Columns, min_max, note
from .files import Sheet, read_sheet

LENGTH = 24
"""Steps of a window, if `data.length` names no other: TimeGAN's."""

LONGEST = 1024
"""Steps of a file up to which a folder of equally long files has a series in each."""

BLOCK = 10
"""Windows' lengths in a block, of which the last two are held out."""

MOST = 100_000_000
"""Values of all windows together; with more, windows begin at every second row, or fewer."""


def parts(rows: int, length: int) -> dict[str, list[slice]]:
    """Which rows of a series are trained on and which are held out, so that no window of one has a row of the other.

    Blocks of about ten windows' lengths, the last fifth of each held out: so a trend is in both parts. A series of less
    than four windows' lengths has no held-out part.
    """
    if rows < 4 * length:
        return {"train": [slice(0, rows)], "test": []}
    edges = np.linspace(0, rows, max(1, rows // (BLOCK * length)) + 1).astype(int)
    found: dict[str, list[slice]] = {"train": [], "test": []}
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        held_out = max(length, (end - begin) // 5)
        found["train"].append(slice(begin, end - held_out))
        found["test"].append(slice(end - held_out, end))
    return found


def windows(stretches: Sequence[np.ndarray], length: int) -> tuple[np.ndarray, int]:
    """Every window `[N, length, F]` of stretches `[R, F]`, or of every k-th row if there would be too many; and k."""
    total = sum(max(0, len(rows) - length + 1) for rows in stretches)
    every = max(1, -(-total * length * stretches[0].shape[1] // MOST)) if stretches else 1
    found = [
        sliding_window_view(rows, length, axis=0)[::every].transpose(0, 2, 1)
        for rows in stretches
        if len(rows) >= length
    ]
    return np.concatenate(found), every


def google(data: Data, split: str) -> Dataset:
    """Google's share in windows of 24 days, `[24, 6]`, each column scaled to [-1, 1]; every fifth of ten held out.

    The columns are those of TimeGAN's stock data, which go on to 2019.
    """
    check_request("google", data, split, length=True)
    from matplotlib.cbook import get_sample_data

    try:
        prices: Any = get_sample_data("goog.npz")["price_data"]  # type: ignore[index]
    except (OSError, KeyError) as error:
        raise GanzooError("google: matplotlib was installed without its sample data: reinstall it with pip.") from error
    names = {
        "open": "Open",
        "high": "High",
        "low": "Low",
        "close": "Close",
        "adj_close": "Adj_Close",
        "volume": "Volume",
    }
    values = np.stack([prices[name].astype(float) for name in names], 1)
    sheet = Sheet(tuple(names.values()), values, (2, 2, 2, 2, 2, 0))
    return _split_in_time("google", [sheet], "google", split, data.length or LENGTH)


def own_files(data: Data, split: str) -> Dataset:
    """The series of the .csv file or folder of .csv files at data.path, each column scaled to [-1, 1].

    A file is split into windows of data.length rows, 24 by default. A file with a column `series` has many series, as
    `ganzoo sample --to FILE.csv` writes it, and so does a folder of equally long files of at most 1024 rows; they are
    samples as they are, and every fifth is held out. GanzooError for files that cannot be read, have other columns, or
    are too short.
    """
    check_request("series", data, split, argument="path", length=True)
    if not data.path:
        raise GanzooError("series: name a .csv file or a folder of .csv files: --dataset series:PATH.")
    path = Path(data.path)
    sheets = read_sheets(path)
    many = grouped(sheets[0], path) if len(sheets) == 1 and sheets[0].series is not None else None
    if many is not None:
        return _whole(path, many, sheets[0], split, data)
    lengths = {len(sheet.values) for sheet in sheets}
    length = data.length or (
        lengths.pop() if len(sheets) > 1 and len(lengths) == 1 and max(lengths) <= LONGEST else LENGTH
    )
    if len(sheets) > 1 and all(len(sheet.values) == length for sheet in sheets):
        return _whole(path, np.stack([sheet.values for sheet in sheets]), sheets[0], split, data)
    return _split_in_time("series", sheets, str(path), split, length)


def read_sheets(path: Path) -> list[Sheet]:
    """The sheet of a file, or those of all .csv files in a folder, sorted by name, which have the same columns."""
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() == ".csv" and file.is_file())
        if not found:
            raise GanzooError(f"there are no .csv files in {path}.")
    else:
        found = [path]
    sheets = [read_sheet(file) for file in found]
    for file, sheet in zip(found, sheets, strict=True):
        if sheet.names != sheets[0].names:
            raise GanzooError(
                f"{file} has the columns {', '.join(sheet.names)}, and {found[0]} has {', '.join(sheets[0].names)}."
            )
    return sheets


def grouped(sheet: Sheet, path: Path) -> np.ndarray:
    """The series `[N, T, F]` of a file that numbers them. Raises GanzooError if they differ in length."""
    assert sheet.series is not None
    starts = np.flatnonzero(np.diff(sheet.series, prepend=np.nan) != 0)
    found = np.split(sheet.values, starts[1:])
    if len({len(rows) for rows in found}) > 1 or len(np.unique(sheet.series[starts])) < len(starts):
        raise GanzooError(f"{path}: its series must have equally many rows, and the rows of each must be together.")
    return np.stack(found)


def _whole(path: Path, values: np.ndarray, sheet: Sheet, split: str, data: Data) -> Dataset:
    """Series that are samples as they are, of which every fifth is held out."""
    count, length, width = values.shape
    if data.length not in (None, length):
        raise GanzooError(f"{path} holds series of {length} steps, which are not split: leave out data.length.")
    if length < 2 or count < 2:
        raise GanzooError(f"{path} has {count} series of {length} steps: at least 2 of each are needed.")
    held_out = np.arange(count) % 5 == 4
    if split == "test" and not held_out.any():
        raise GanzooError(f"{path} has no test split: it has fewer than 5 series.")
    decimals: list[int | None] = list(sheet.decimals)
    columns = min_max(sheet.names, values.reshape(-1, width), decimals)
    x, chosen = columns.scaled(values), held_out == (split == "test")
    spec = DataSpec("series", "series", (length, width), note=note(columns, x[~held_out].reshape(-1, width)))
    arrays: dict[str, Any] = {"x": torch.from_numpy(np.ascontiguousarray(x[chosen]))}
    if sheet.classes and data.labels:
        labels = np.asarray(sheet.classes)[::length]
        names, numbers = np.unique(labels, return_inverse=True)
        spec = dataclasses.replace(spec, classes=len(names), class_names=tuple(names.tolist()))
        arrays["y"] = torch.from_numpy(numbers[chosen].astype(np.int64))
    return Dataset(arrays, spec, notes=sheet.notes)


def _split_in_time(name: str, sheets: Sequence[Sheet], whose: str, split: str, length: int) -> Dataset:
    """Windows of series, some of whose time is held out; with five or more series, every fifth of these."""
    short = next((sheet for sheet in sheets if len(sheet.values) < length), None)
    if short is not None:
        rows = len(short.values)
        raise GanzooError(
            f"{whose} has {'a file of ' if len(sheets) > 1 else ''}{rows} rows, fewer than the {length} of a window: "
            f"use --set data.length={max(2, rows // 4)} or more rows."
        )
    everything = np.concatenate([sheet.values for sheet in sheets])
    columns = min_max(sheets[0].names, everything, sheets[0].decimals)
    stretches: dict[str, list[np.ndarray]] = {"train": [], "test": []}
    for number, sheet in enumerate(sheets):
        scaled = columns.scaled(sheet.values)
        if len(sheets) >= 5:
            stretches["test" if number % 5 == 4 else "train"].append(scaled)
            continue
        for part, slices in parts(len(scaled), length).items():
            stretches[part] += [scaled[where] for where in slices]
    if not stretches[split]:
        raise GanzooError(f"{whose} has no test split: with fewer than {4 * length} rows, all are trained on.")
    x, every = windows(stretches[split], length)
    notes = [line for sheet in sheets for line in sheet.notes]
    notes += [f"windows begin at every {every}th row, as there are so many"] if every > 1 else []
    described = note(columns, np.concatenate(stretches["train"]))
    spec = DataSpec(name, "series", (length, len(columns.names)), note=described)
    return Dataset({"x": torch.from_numpy(np.ascontiguousarray(x))}, spec, notes=tuple(dict.fromkeys(notes)))


def read_like(path: Path, spec: DataSpec, columns: Columns) -> tuple[np.ndarray, list[str]]:
    """Series like `spec` from the user's files, `[N, T, F]` in the user's units, and a name for each.

    A folder has a series in each file; a file is split into its windows, unless it numbers its series.
    """
    found: list[np.ndarray] = []
    names: list[str] = []
    length = spec.shape[0]
    files = sorted(path.rglob("*.csv")) if path.is_dir() else [path]
    for file, sheet in zip(files, read_sheets(path), strict=True):
        if sheet.names != columns.names:
            theirs, ours = ", ".join(sheet.names), ", ".join(columns.names)
            raise GanzooError(f"{file} has the columns {theirs}, and {spec.name} has {ours}.")
        many = grouped(sheet, file) if sheet.series is not None else sheet.values[None]
        if many.shape[1] == length:
            found.append(many)
            names += [file.stem] if path.is_dir() else [str(number) for number in range(len(many))]
        elif path.is_dir() or sheet.series is not None or many.shape[1] < length:
            raise GanzooError(f"{file} has series of {many.shape[1]} steps, and {spec.name} has {length}.")
        else:
            found.append(windows([sheet.values], length)[0])
            names += [f"row {number + 1}" for number in range(len(found[-1]))]
    return np.concatenate(found), names if len(set(names)) == len(names) else [str(at) for at in range(len(names))]
