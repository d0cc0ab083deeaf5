"""In which recipe keys runs of a variant differ. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

GROUPS = ("penalties.", "schedules.", "loss_options.", "augment_options.", "data.settings.")
"""Keys that a recipe has only if something is chosen; any other key that is missing was added to ganzoo later."""

SHOWN_ELSEWHERE = ("steps", "data.name", "data.kind")
"""Keys that tables have a column for in any case."""


def differing_keys(recipes: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys, in order of definition, in which these flat recipes differ."""
    return [key for key in dict.fromkeys(key for keys in recipes for key in keys) if _differs(key, recipes)]


def _differs(key: str, recipes: Sequence[Mapping[str, Any]]) -> bool:
    if key in SHOWN_ELSEWHERE:
        return False
    values = [recipe[key] for recipe in recipes if key in recipe]
    missing = len(values) < len(recipes) and key.startswith(GROUPS)
    return missing or any(value != values[0] for value in values[1:])
