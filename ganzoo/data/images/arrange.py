"""The images of a folder by split, with the labels of each: from label files, or else from subfolders."""

from __future__ import annotations

import posixpath
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.images.labels import read_labels
from ganzoo.data.images.layout import Unpaired, read_layout, too_many
from ganzoo.data.images.listing import Listing, printable
from ganzoo.data.images.scan import Found, scan
from ganzoo.errors import GanzooError

SHOWN = 5

LabelOf = Callable[[str], str | None]


@dataclass
class Part:
    """The images of a split. label_of: the label of each by its relative path; None if there are no labels."""

    listing: Listing
    label_of: LabelOf | None = None

    def labels(self, skipped: Iterable[str]) -> list[str] | None:
        """The label of each image that is not skipped."""
        if self.label_of is None:
            return None
        unreadable = frozenset(skipped)
        return [self.label_of(name) or "" for name in self.listing.names if name not in unreadable]


@dataclass
class Arrangement:
    """What is in a folder of images.

    listing: all images. parts: those of "train" and, if there is one, of "test". numbered: whether labels are the
    numbers of classes. notes: lines on what was found and how it is used.
    """

    listing: Listing
    found: Found
    parts: dict[str, Part] = field(default_factory=dict)
    numbered: bool = False
    notes: list[str] = field(default_factory=list)

    def classes(self, skipped: Iterable[str]) -> tuple[str, ...]:
        """The names of the classes of the readable training images; none if there are fewer than two."""
        found = set(self.parts["train"].labels(skipped) or ())
        if len(found) < 2:
            return ()
        return tuple(map(str, range(max(map(int, found)) + 1))) if self.numbered else tuple(sorted(found, key=natural))


def arrange(folder: Path) -> Arrangement:
    """Find the images of a folder, their splits and their labels.

    A few images without a label are left out of labelled ones, whether labels are wanted or not: so a data set has the
    same images with and without them. Raises GanzooError for a folder or a label file that cannot be read, and for two
    unpaired sets of images.
    """
    arranged = Arrangement(Listing(), Found())
    for name, size, stamp in scan(folder, arranged.found):
        arranged.listing.add(name, size, stamp)
    names = arranged.listing.names
    try:
        layout = read_layout(names)
    except Unpaired as error:
        parts = [printable(name) for name in error.folders]
        raise GanzooError(
            f"{folder} holds two unpaired sets of images, in {', '.join(parts)}, and a run is trained on one: "
            f"type --dataset folder:{folder / parts[-1]}."
        ) from None
    from_files = read_labels(folder, arranged.found.label_files)
    arranged.numbered = from_files.numbered
    notes = [*layout.notes, *from_files.notes]
    if from_files.files:
        known = from_files.by_name
        inside = [name for name in names if layout.split_of(name) is not None]
        named = sum(name in known for name in inside)
        whence = " and ".join(from_files.files[:2]) + (", ..." if len(from_files.files) > 2 else "")
        notes = [line for line in notes if not line.startswith("no classes:")]
        few = too_many(len(inside) - named, named)
        notes.append(f"{whence} has labels of {named:,} of {len(inside):,} images{': they are not used' * few}")
        labels: dict[str, LabelOf] = {} if few else dict.fromkeys(layout.splits, known.get)
    else:
        labels = {split: _class_of(layout.class_of, split) for split in layout.classes}
    arranged.notes = notes
    rows: dict[str, array[int]] = {split: array("q") for split in layout.splits}
    without: list[str] = []
    for row, name in enumerate(names):
        split = layout.split_of(name)
        if split is None:
            continue
        if split in labels and labels[split](name) is None:
            without.append(name)
            continue
        rows[split].append(row)
    if without:
        arranged.notes.append(f"{len(without):,} images without a class are left out: {_first(without)}")
    for split, chosen in rows.items():
        arranged.parts[split] = Part(arranged.listing.select(chosen), labels.get(split))
    arranged.notes += _notes_on(arranged.found)
    return arranged


def known_only(part: Part, classes: Sequence[str]) -> tuple[Part, tuple[str, ...]]:
    """A part without the images of classes that are not among these, and a note on them, if any."""
    if part.label_of is None or not classes:
        return Part(part.listing), ()
    rows, unknown, known = array("q"), [], frozenset(classes)
    for row, name in enumerate(part.listing.names):
        if part.label_of(name) in known:
            rows.append(row)
        else:
            unknown.append(name)
    note = f"{len(unknown):,} images are of classes without training images and are left out: {_first(unknown)}"
    return Part(part.listing.select(rows), part.label_of), (note,) if unknown else ()


def numbers_of(labels: Sequence[str] | None, classes: Sequence[str]) -> Tensor | None:
    """Labels as the indices of their classes, int64 `[N]`; None if there are no classes."""
    if labels is None or not classes:
        return None
    index = {name: number for number, name in enumerate(classes)}
    return torch.from_numpy(np.fromiter((index[label] for label in labels), np.int64, len(labels)))


def _class_of(class_of: Callable[[str, str], str | None], split: str) -> LabelOf:
    return lambda name: class_of(name, split)


def _notes_on(found: Found) -> list[str]:
    """Lines on the files that are no images: how many of each ending, and the first ones."""
    if not found.ignored:
        return []
    endings = Counter(_ending(name) for name in found.ignored)
    counts = ", ".join(f"{count:,} {ending}" for ending, count in endings.most_common(SHOWN))
    more = ", ..." if len(endings) > SHOWN else ""
    n = len(found.ignored)
    lines = [f"ignored {n:,} file{'s' * (n != 1)} other than images: {counts}{more} ({_first(found.ignored)})"]
    if endings.keys() & {".heic", ".heif"}:
        lines.append("HEIC images cannot be read: convert them to JPEG")
    return lines


def _ending(name: str) -> str:
    if name.endswith("/"):
        return "system folders"
    return printable(posixpath.splitext(name)[1].lower()) or "without an ending"


def _first(names: Sequence[str]) -> str:
    return ", ".join(printable(name) for name in names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def natural(name: str) -> tuple[list[str | int], str]:
    """A key that sorts 2 before 10."""
    # Splitting at digits leaves text at even positions and numbers at odd ones, so only equal types are compared.
    parts = re.split(r"(\d+)", name)
    return [int(part) if i % 2 else part.casefold() for i, part in enumerate(parts)], name
