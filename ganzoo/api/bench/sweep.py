"""The `[sweep]` table of a grid: every combination of the values of some recipe keys."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.zoo.config import value_text

LARGEST = 1_000
"""Combinations in a sweep; more are probably a mistake."""


@dataclass(frozen=True)
class Combination:
    """One value for each swept key. label: of the folder, made from both; "" without a sweep."""

    label: str = ""
    keys: Mapping[str, Any] = field(default_factory=dict)


def combinations(values: Mapping[str, Any], common: Mapping[str, Any]) -> list[Combination]:
    """All combinations of a sweep's values, the last key varying fastest; a single empty one without a sweep.

    values: flat keys, each with a list. common: the keys that all cells have. Raises GanzooError for anything else than
    lists of distinct values, for the seed, and for a key that is also common to all cells.
    """
    for key, found in values.items():
        if not isinstance(found, (list, tuple)) or not found:
            raise GanzooError(f'sweep: {key} must be a list of values, as "{key}" = [1e-4, 2e-4].')
        texts = [text_of(value) for value in found]
        if len(set(texts)) < len(texts):
            raise GanzooError(f"sweep: {key} has a value twice.")
        if key == "seed":
            raise GanzooError("sweep: seed is a top-level key of the grid: use seeds there.")
        if key in common:
            where = "steps, at the top of the grid," if key == "steps" else f"set ({key})"
            raise GanzooError(f"sweep: {key} is also in {where}: leave one of them out.")
    names = short_names(list(values))
    made = []
    for chosen in itertools.product(*values.values()):
        keys = dict(zip(values, chosen, strict=True))
        label = "-".join(_plain(f"{names[key]}-{text_of(value)}") for key, value in keys.items())
        made.append(Combination(label, keys))
        if len(made) > LARGEST:
            raise GanzooError(f"sweep: more than {LARGEST:,} combinations: leave some values out.")
    return made


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Each key without its group where that is clear among the others: `loss`, `g.lr`, and `every` of a penalty."""
    found = {}
    for key in keys:
        parts = key.split(".")
        # A player is short and says whose key it is.
        start = 0 if len(parts) < 3 else len(parts) - 1
        short = ".".join(parts[start:])
        alone = sum(other == short or other.endswith(f".{short}") for other in keys) == 1
        found[key] = short if alone else key
    return found


def text_of(value: Any) -> str:
    """A value as it is shown and typed."""
    return f"{value:g}" if isinstance(value, float) else value_text(value)


def _plain(text: str) -> str:
    """A label in the characters that labels have."""
    named = re.sub(r"(?<![a-z0-9])-(?=[0-9.])", "minus", text.lower())
    return re.sub(r"[._-]{2,}", "-", re.sub(r"[^a-z0-9._-]+", "-", named)).strip("._-")
