"""Functions and classes that are imported on first use, so that listing names imports no torch."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from typing import Any


def lazy(target: str) -> Callable[..., Any]:
    """A function that imports `module:name` when it is called, and calls it with its own arguments."""

    def call(*args: Any, **options: Any) -> Any:
        return pkgutil.resolve_name(target)(*args, **options)

    return call
