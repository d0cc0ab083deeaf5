"""ganzoo: a zoo of GANs. One small core, every variant a plugin, every score comparable.

Importing this imports no torch; the functions below bring it when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo.errors import GanzooError, TrainingError
from ganzoo.hookspecs import hookimpl

if TYPE_CHECKING:
    from ganzoo.api import evaluate, load, resume, train
    from ganzoo.benchmark.runner import bench
    from ganzoo.comparison import compare
    from ganzoo.exported import load_generator
    from ganzoo.exporting import export
    from ganzoo.planning import plan
    from ganzoo.run import Run

__all__ = [
    "GanzooError",
    "Run",
    "TrainingError",
    "bench",
    "compare",
    "evaluate",
    "export",
    "hookimpl",
    "load",
    "load_generator",
    "plan",
    "resume",
    "train",
]

_HOMES = {
    "Run": "ganzoo.run",
    "bench": "ganzoo.benchmark.runner",
    "compare": "ganzoo.comparison",
    "evaluate": "ganzoo.api",
    "export": "ganzoo.exporting",
    "load": "ganzoo.api",
    "load_generator": "ganzoo.exported",
    "plan": "ganzoo.planning",
    "resume": "ganzoo.api",
    "train": "ganzoo.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ganzoo' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
