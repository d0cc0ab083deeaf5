"""Values that are computed once and kept for as long as the object that they were computed from."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Memo:
    """What was computed from its owner, by key. It holds no reference to the owner, and is freed with it."""

    def __init__(self) -> None:
        self._values: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made by the first call that asks for it.

        Nothing is kept when `make` raises: the next call tries again. Keys are shared by everyone who uses this memo,
        so a key names its subject first, for example `("features", space.identity)`.
        """
        if key not in self._values:
            self._values[key] = make()
        found: T = self._values[key]
        return found
