"""Compares two run folders that should be identical: every file, ignoring times."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.files import checkpoint, lock

CLOCK = ("seconds", "cpu_seconds")
"""Keys of metrics.jsonl that contain times."""

PERSONAL = ("created", "options", "job")
"""Keys of recipe.json that describe when and where a run was started."""


@dataclass
class Comparison:
    """What was compared, and a line for each difference."""

    files: int = 0
    bytes: int = 0
    tensors: int = 0
    differences: list[str] = field(default_factory=list)


def compare(uninterrupted: Path, resumed: Path) -> Comparison:
    """Compare the folder of an uninterrupted run with that of a resumed one."""
    found = Comparison()
    names = [names_in(folder) for folder in (uninterrupted, resumed)]
    found.differences += [f"{name} is missing" for name in sorted(names[0] - names[1])]
    found.differences += [f"{name} should not be there" for name in sorted(names[1] - names[0])]
    for name in sorted(names[0] & names[1]):
        found.files += 1
        found.bytes += (uninterrupted / name).stat().st_size
        found.differences += [f"{name}: {line}" for line in compare_file(uninterrupted / name, resumed / name, found)]
    return found


def names_in(folder: Path) -> set[str]:
    """All files of a run except the lock, which is held and not read."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in files if path.name != lock.NAME}


def compare_file(uninterrupted: Path, resumed: Path, found: Comparison) -> Iterator[str]:
    """A line for each difference between two files of the same name."""
    read = note if uninterrupted.with_suffix(".pt").exists() else READERS.get(uninterrupted.name)
    if uninterrupted.suffix != ".pt" and read:
        yield from trees(read(uninterrupted), read(resumed))
    elif uninterrupted.suffix == ".pt":
        before, after = checkpoint.load(uninterrupted), checkpoint.load(resumed)
        found.tensors += sum(isinstance(leaf, Tensor) for leaf in leaves(before))
        yield from trees(before, after)
    elif uninterrupted.read_bytes() != resumed.read_bytes():
        yield "differs"


def metrics(path: Path) -> dict[str, Any]:
    """The lines by step without their times, and the steps that are logged more than once."""
    records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    steps = Counter(record["step"] for record in records)
    lines = {record["step"]: {key: value for key, value in record.items() if key not in CLOCK} for record in records}
    return {"doubles": [step for step, count in steps.items() if count > 1], "order": list(lines), "lines": lines}


def recipe(path: Path) -> dict[str, Any]:
    """recipe.json without the keys that differ between starts."""
    info = json.loads(path.read_text("utf-8"))
    return {key: value for key, value in info.items() if key not in PERSONAL}


def note(path: Path) -> dict[str, Any]:
    """A checkpoint's note without its checksum, which is verified when the checkpoint is loaded.

    Equal tensors do not always give equal files, because pickle deduplicates identical objects but not equal ones.
    """
    return {key: value for key, value in json.loads(path.read_text("utf-8")).items() if key not in ("sha256", "bytes")}


READERS: dict[str, Callable[[Path], Any]] = {"metrics.jsonl": metrics, "recipe.json": recipe}


def leaves(tree: Any) -> Iterator[Any]:
    """All values in nested dicts and lists that are not containers."""
    if isinstance(tree, (Mapping, list, tuple)):
        for part in tree.values() if isinstance(tree, Mapping) else tree:
            yield from leaves(part)
    else:
        yield tree


def trees(uninterrupted: Any, resumed: Any, where: str = "") -> Iterator[str]:
    """A line for each place at which two nested values differ, bit by bit."""
    if isinstance(uninterrupted, Tensor) and isinstance(resumed, Tensor):
        if (uninterrupted.dtype, uninterrupted.shape) != (resumed.dtype, resumed.shape):
            yield f"{where} has another type or shape"
        elif bits(uninterrupted) != bits(resumed):
            yield f"{where} differs"
    elif isinstance(uninterrupted, Mapping) and isinstance(resumed, Mapping):
        yield from (f"{where}/{key} is in one of them only" for key in set(uninterrupted) ^ set(resumed))
        for key in (key for key in uninterrupted if key in resumed):
            yield from trees(uninterrupted[key], resumed[key], f"{where}/{key}")
    elif (
        isinstance(uninterrupted, (list, tuple))
        and isinstance(resumed, (list, tuple))
        and len(uninterrupted) == len(resumed)
    ):
        for number, (a, b) in enumerate(zip(uninterrupted, resumed, strict=True)):
            yield from trees(a, b, f"{where}/{number}")
    elif repr(uninterrupted) != repr(resumed):
        yield f"{where} differs"


def bits(tensor: Tensor) -> bytes:
    """The bytes of a tensor, as comparing numbers would not handle NaN or the sign of zero."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
