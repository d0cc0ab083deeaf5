"""Compares two run folders that should be the same training: every file, and in it everything but the clock."""

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
"""Keys of a line of metrics.jsonl that tell how long it took."""

PERSONAL = ("created", "options", "job")
"""Keys of recipe.json that tell when and where a training was started."""


@dataclass
class Comparison:
    """What was compared, and a line for each difference."""

    files: int = 0
    bytes: int = 0
    tensors: int = 0
    differences: list[str] = field(default_factory=list)


def compare(whole: Path, resumed: Path) -> Comparison:
    """Compare the folder of a training that was never stopped with that of one that was."""
    found = Comparison()
    names = [names_in(folder) for folder in (whole, resumed)]
    found.differences += [f"{name} is missing" for name in sorted(names[0] - names[1])]
    found.differences += [f"{name} should not be there" for name in sorted(names[1] - names[0])]
    for name in sorted(names[0] & names[1]):
        found.files += 1
        found.bytes += (whole / name).stat().st_size
        found.differences += [f"{name}: {line}" for line in compare_file(whole / name, resumed / name, found)]
    return found


def names_in(folder: Path) -> set[str]:
    """Every file of a run, but for the lock, which is held and not read."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in files if path.name != lock.NAME}


def compare_file(whole: Path, resumed: Path, found: Comparison) -> Iterator[str]:
    """A line for each difference between two files of the same name."""
    read = note if whole.with_suffix(".pt").exists() else READERS.get(whole.name)
    if whole.suffix != ".pt" and read:
        yield from trees(read(whole), read(resumed))
    elif whole.suffix == ".pt":
        before, after = checkpoint.load(whole), checkpoint.load(resumed)
        found.tensors += sum(isinstance(leaf, Tensor) for leaf in leaves(before))
        yield from trees(before, after)
    elif whole.read_bytes() != resumed.read_bytes():
        yield "differs"


def metrics(path: Path) -> dict[str, Any]:
    """The lines without their times, by step, and the steps that are logged more than once."""
    records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    steps = Counter(record["step"] for record in records)
    lines = {record["step"]: {key: value for key, value in record.items() if key not in CLOCK} for record in records}
    return {"doubles": [step for step, count in steps.items() if count > 1], "order": list(lines), "lines": lines}


def recipe(path: Path) -> dict[str, Any]:
    """recipe.json without what tells one start from another."""
    info = json.loads(path.read_text("utf-8"))
    return {key: value for key, value in info.items() if key not in PERSONAL}


def note(path: Path) -> dict[str, Any]:
    """A checkpoint's note without its checksum, which is compared with the checkpoint when that is loaded.

    The same tensors do not always give the same file: pickle shortens what is the same object, and not what is equal.
    """
    return {key: value for key, value in json.loads(path.read_text("utf-8")).items() if key not in ("sha256", "bytes")}


READERS: dict[str, Callable[[Path], Any]] = {"metrics.jsonl": metrics, "recipe.json": recipe}


def leaves(tree: Any) -> Iterator[Any]:
    """Whatever is no container in nested dicts and lists."""
    if isinstance(tree, (Mapping, list, tuple)):
        for part in tree.values() if isinstance(tree, Mapping) else tree:
            yield from leaves(part)
    else:
        yield tree


def trees(whole: Any, resumed: Any, where: str = "") -> Iterator[str]:
    """A line for each place in which two nested values differ in a bit."""
    if isinstance(whole, Tensor) and isinstance(resumed, Tensor):
        if (whole.dtype, whole.shape) != (resumed.dtype, resumed.shape):
            yield f"{where} has another type or shape"
        elif bits(whole) != bits(resumed):
            yield f"{where} differs"
    elif isinstance(whole, Mapping) and isinstance(resumed, Mapping):
        yield from (f"{where}/{key} is there in one only" for key in set(whole) ^ set(resumed))
        for key in (key for key in whole if key in resumed):
            yield from trees(whole[key], resumed[key], f"{where}/{key}")
    elif isinstance(whole, (list, tuple)) and isinstance(resumed, (list, tuple)) and len(whole) == len(resumed):
        for number, (a, b) in enumerate(zip(whole, resumed, strict=True)):
            yield from trees(a, b, f"{where}/{number}")
    elif repr(whole) != repr(resumed):
        yield f"{where} differs"


def bits(tensor: Tensor) -> bytes:
    """A tensor's memory: a comparison of numbers would take no notice of NaN, or of the sign of zero."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
