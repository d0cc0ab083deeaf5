"""From the classes that a user names to their numbers."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from ganzoo.errors import GanzooError, unknown
from ganzoo.files.atomic import LONGEST_NAME
from ganzoo.game import GAN
from ganzoo.recipes import DataSpec

Labels = int | str | Sequence[int | str] | np.ndarray | Tensor | None
"""A class, by number or by name, or several of them; None for all."""

NAME, NUMBER = "name:", "number:"
"""Prefixes that say what a text means where it could be both."""


def drawn(gan: GAN, data: DataSpec) -> DataSpec:
    """The data with the classes that a game can draw: a game with codes has these, which have no names."""
    return dataclasses.replace(data, classes=gan.classes, class_names=()) if gan.codes else data


def as_numbers(labels: Labels, data: DataSpec) -> int | Sequence[int] | np.ndarray | Tensor | None:
    """Labels with numbers in place of names. Raises GanzooError for a text that names no class, or two."""
    if isinstance(labels, str):
        return class_number(labels, data)
    if isinstance(labels, (list, tuple)) or (isinstance(labels, np.ndarray) and labels.dtype.kind in "UO"):
        return [class_number(label, data) if isinstance(label, str) else label for label in labels]
    return labels  # type: ignore[return-value]


def class_number(label: str, data: DataSpec) -> int:
    """The class of a name, else of a number as text. The number need not be that of a class.

    Raises GanzooError for a text that is neither, and for a name that is also the number of another class, unless it
    begins with "name:" or "number:".
    """
    names = data.class_names
    if label in names:
        index, number = names.index(label), _number(label)
        if number is not None and number != index and 0 <= number < len(names) and str(number) == label:
            raise GanzooError(
                f"class {label!r} could be the one named {label!r} or number {label}, which is {names[number]!r}: "
                f"type {NAME}{label} or {NUMBER}{label}."
            )
        return index
    if label.startswith(NAME) and label.removeprefix(NAME) in names:
        return names.index(label.removeprefix(NAME))
    number = _number(label.removeprefix(NUMBER))
    if number is None:
        known = names or [str(number) for number in range(data.classes)]
        raise unknown("class", label, known, f"(no such class: this run has classes 0 to {data.classes - 1})")
    return number


def _number(text: str) -> int | None:
    try:
        return int(text) if text.isascii() and text.removeprefix("-").isdigit() else None
    except ValueError:  # more digits than Python converts
        return None


def folder_names(data: DataSpec) -> list[str]:
    """A name for the folder of each class: its own, without characters that file systems or scans do not take.

    A longer name than file systems take is cut. Names that would be equal get the number of their class.
    """
    names = data.class_names or [str(number) for number in range(data.classes)]
    safe = [re.sub(r'[\x00-\x1f/\\\\:*?"<>|]', "_", name).lstrip(".").strip() or "_" for name in names]
    room = LONGEST_NAME - len(f"-{len(safe)}")
    cut = [name.encode("utf-8", "replace")[:room].decode("utf-8", "ignore").strip() for name in safe]
    counts = Counter(name.casefold() for name in cut)
    return [f"{name}-{number}" if counts[name.casefold()] > 1 else name for number, name in enumerate(cut)]
