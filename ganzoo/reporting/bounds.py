"""Text and lists from a run folder, which may be anyone's: a page shows them printable, short and not endless."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from ganzoo.errors import printable
from ganzoo.zoo.config import value_text

T = TypeVar("T")

LONGEST = 300
"""Characters of a text from a run folder."""

ROWS = 400
"""Rows of a table."""


@dataclass(frozen=True)
class Fact:
    """A name and what belongs to it."""

    name: str
    value: str


def text(value: object, longest: int = LONGEST) -> str:
    """A value as text that a page can show."""
    # Cut first, as it may be of any length.
    shown = printable(str(value)[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def key_text(value: object) -> str:
    """A recipe key's value, as `--set` takes it."""
    return text(value_text(value) or "none")


def first(values: Iterable[T], most: int = ROWS) -> list[T]:
    """The first values."""
    return list(islice(values, most))


def part(values: Any, *names: str) -> Any:
    """What nested dicts have under these names; None if any of them is missing, or not a dict."""
    for name in names:
        values = values.get(name) if isinstance(values, dict) else None
    return values
