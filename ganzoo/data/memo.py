"""Values that are computed once and cached for the lifetime of the object that they were computed from."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Memo:
    """A cache of values computed from its owner, by key. It holds no reference to the owner and is freed with it."""

    def __init__(self) -> None:
        self._values: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, computed by `make` on the first call.

        Nothing is cached if `make` raises, so the next call tries again. All users of a memo share its keys, so a key
        begins with its subject, for example `("features", space.identity)`.
        """
        if key not in self._values:
            self._values[key] = make()
        found: T = self._values[key]
        return found
