"""What a recipe no longer needs when a part of it is replaced or left out."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from ganzoo.recipes import Recipe, live_keys

R = TypeVar("R", bound=Recipe)


def without_leftovers(before: R, now: R) -> R:
    """The recipe without options of a replaced loss or augmentation, and schedules of what is gone."""
    changes: dict[str, Any] = {}
    for name in ("loss", "augment"):
        options = f"{name}_options"
        replaced = getattr(before, name, None) != getattr(now, name, None)
        if replaced and getattr(before, options) == getattr(now, options) != {}:
            changes[options] = {}
    now = dataclasses.replace(now, **changes) if changes else now
    if not before.schedules:
        return now
    gone = set(live_keys(before)) - set(live_keys(now))
    kept = {key: made for key, made in now.schedules.items() if key not in gone or before.schedules.get(key) != made}
    return now if kept == now.schedules else dataclasses.replace(now, schedules=kept)
