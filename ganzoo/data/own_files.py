"""The user's own files in a folder, one sample in each: found at any depth, with their splits and classes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from ganzoo.data.common import SPLITS
from ganzoo.data.images.arrange import natural
from ganzoo.data.images.layout import Unpaired, read_layout
from ganzoo.data.images.listing import printable
from ganzoo.data.images.scan import SYSTEM_FOLDERS
from ganzoo.data.paths import refuse_archive
from ganzoo.errors import GanzooError, unknown
from ganzoo.files.typed import typed_path

T = TypeVar("T")
SHOWN = 5


@dataclass(frozen=True)
class OwnFiles:
    """The files of a split, in natural order; with classes, the first of each class, then the second of each, ...

    base: the folder. names: relative paths. labels: the class number of each; empty without classes. notes: lines on
    what was found and how it is used. divided: whether there is a test split.
    """

    base: Path
    names: tuple[str, ...]
    labels: tuple[int, ...] = ()
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    divided: bool = False


def find_files(dataset: str, path: str, split: str, endings: Sequence[str], what: str) -> OwnFiles:
    """The files at `path` with one of the endings (lower-case, with a dot): of a folder, or a single one.

    Hidden files and folders are left out. Subfolders train and test (or val) are splits, all others classes if there
    are at least two, as in a folder of images (`read_layout`); a few files without a class are then left out.
    dataset: the data set's name, and what: what the files are ("sounds"), for messages. Raises GanzooError for a wrong
    path, a folder without such files, an unknown split, and a test split that does not exist.
    """
    if split not in SPLITS:
        raise unknown("split", str(split), SPLITS)
    usage = f"type --dataset {dataset}:PATH with the path of your {what}"
    if not path:
        raise GanzooError(f"{dataset} needs your own files: {usage}.")
    base = typed_path(path)
    if base.is_file():
        refuse_archive(base)
        if not base.name.lower().endswith(tuple(endings)):
            raise GanzooError(f"{path} does not end in {' or '.join(endings)}: {usage}.")
        base, found, ignored = base.parent, [base.name], 0
    elif base.is_dir():
        found, ignored = _listed(base, endings)
    else:
        raise GanzooError(f"there is no file or folder {path}: {usage}.")
    if not found:
        raise GanzooError(f"there are no {what} in {path} (looked for {', '.join(endings)}): {usage}.")
    arranged = _arranged(base, found, split, what)
    if arranged is None:
        raise GanzooError(
            f"{path} has no test split: use split train, or put the {what} into a folder train and held-out ones into "
            "a folder test beside it."
        )
    notes = (
        (f"ignored {ignored:,} file{'s' * (ignored > 1)} that do not end in {' or '.join(endings)}",) if ignored else ()
    )
    divided = split == "test" or _arranged(base, found, "test", what) is not None
    return OwnFiles(base, arranged.names, arranged.labels, arranged.class_names, (*arranged.notes, *notes), divided)


@dataclass
class Read:
    """What was read from files. samples, labels: of the readable ones; skipped: the others, each with a reason."""

    samples: list = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def y(self) -> Tensor:
        """The labels, int64 `[N]`."""
        return torch.tensor(self.labels, dtype=torch.int64)


def read_files(files: OwnFiles, read: Callable[[Path], T], what: str) -> Read:
    """Read each file; one for which `read` raises GanzooError is skipped, with its message as the reason.

    Raises GanzooError if none can be read.
    """
    found = Read()
    for number, name in enumerate(files.names):
        try:
            found.samples.append(read(files.base / name))
        except GanzooError as error:
            found.skipped.append(printable(name))
            found.reasons.append(str(error))
            continue
        if files.labels:
            found.labels.append(files.labels[number])
    if not found.samples:
        raise GanzooError(
            f"none of the {len(files.names):,} {what} in {files.base} can be read: "
            f"{found.skipped[0]}: {found.reasons[0].rstrip('.')}."
        )
    return found


def _listed(base: Path, endings: Sequence[str]) -> tuple[list[str], int]:
    """The relative paths of files with these endings in natural order, and the number of other files."""
    ends = tuple(endings)
    found, ignored = [], 0
    for name in _walk(base):
        if name.lower().endswith(ends):
            found.append(name)
        else:
            ignored += 1
    return sorted(found, key=natural), ignored


def _walk(base: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        if Path(error.filename) == base:
            raise GanzooError(f"cannot read {base} ({error.strerror}): grant access, or name another folder.")

    for folder, folders, names in os.walk(base, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".") and name.lower() not in SYSTEM_FOLDERS]
        prefix = Path(folder).relative_to(base).as_posix()
        for name in names:
            if not name.startswith("."):
                yield name if prefix == "." else f"{prefix}/{name}"


def _arranged(base: Path, names: list[str], split: str, what: str) -> OwnFiles | None:
    """The files of the split and their classes; None if there is no such split."""
    try:
        layout = read_layout(names, what)
    except Unpaired:
        return OwnFiles(base, tuple(names)) if split == "train" else None
    notes = list(layout.notes)
    parts = {part: [name for name in names if layout.split_of(name) == part] for part in layout.splits}
    if not parts.get(split):
        return None
    if "train" not in layout.classes:
        return OwnFiles(base, tuple(parts[split]), notes=tuple(notes))
    of_train = {layout.class_of(name, "train") for name in parts["train"]} - {None}
    classes = sorted(map(str, of_train), key=natural)
    number = {name: at for at, name in enumerate(classes)}
    if split not in layout.classes:
        notes.append(f"the {what} of the {split} split have no classes")
        return OwnFiles(base, tuple(parts[split]), notes=tuple(notes))
    classed = [(name, number.get(str(layout.class_of(name, split)))) for name in parts[split]]
    without = [name for name, label in classed if label is None]
    if without:
        shown = ", ".join(map(printable, without[:SHOWN])) + (", ..." if len(without) > SHOWN else "")
        notes.append(f"{len(without):,} {what} without a class are left out: {shown}")
    chosen = [(name, label) for name, label in classed if label is not None]
    if not chosen:
        return None
    seen: dict[int, int] = {}
    ranked = []
    for name, label in chosen:
        seen[label] = seen.get(label, 0) + 1
        ranked.append((seen[label], label, name))
    ranked.sort(key=lambda row: row[:2])
    return OwnFiles(
        base,
        tuple(name for _, _, name in ranked),
        tuple(label for _, label, _ in ranked),
        tuple(map(printable, classes)),
        tuple(notes),
    )
