"""Functions and classes that are imported when they are first called, so that listing names imports no torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def lazy(target: str) -> Callable[..., Any]:
    """A function that imports `module:name` and calls it with the arguments that it was called with."""
    module, _, name = target.partition(":")

    def call(*args: Any, **options: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*args, **options)

    return call
