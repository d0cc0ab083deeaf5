"""ganzoo: a zoo of GANs. One small core, every variant a plugin, every score comparable.

Importing this does not import torch; the functions below import it on first use.
"""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING, Any

from ganzoo.errors import GanzooError, TrainingError
from ganzoo.hookspecs import hookimpl

if TYPE_CHECKING:
    from ganzoo.api.anomalies import anomaly_scores
    from ganzoo.api.bench.runner import bench
    from ganzoo.api.catalogue import (
        list_augmentations,
        list_datasets,
        list_losses,
        list_metrics,
        list_modalities,
        list_penalties,
        list_variants,
    )
    from ganzoo.api.compare import compare
    from ganzoo.api.evaluate import evaluate
    from ganzoo.api.listing import list_runs
    from ganzoo.api.planning import plan
    from ganzoo.api.resume import resume
    from ganzoo.api.train import load, train
    from ganzoo.api.tuning import tune
    from ganzoo.exporting.hub import pull, push
    from ganzoo.exporting.reading import load_generator
    from ganzoo.exporting.writing import export
    from ganzoo.reporting.writing import report
    from ganzoo.runs.run import Run

__all__ = [
    "GanzooError",
    "Run",
    "TrainingError",
    "anomaly_scores",
    "bench",
    "compare",
    "evaluate",
    "export",
    "hookimpl",
    "list_augmentations",
    "list_datasets",
    "list_losses",
    "list_metrics",
    "list_modalities",
    "list_penalties",
    "list_runs",
    "list_variants",
    "load",
    "load_generator",
    "plan",
    "pull",
    "push",
    "report",
    "resume",
    "train",
    "tune",
]

_LAZY = {
    "Run": "ganzoo.runs.run",
    "anomaly_scores": "ganzoo.api.anomalies",
    "bench": "ganzoo.api.bench.runner",
    "compare": "ganzoo.api.compare",
    "evaluate": "ganzoo.api.evaluate",
    "export": "ganzoo.exporting.writing",
    **dict.fromkeys(
        (
            "list_augmentations",
            "list_datasets",
            "list_losses",
            "list_metrics",
            "list_modalities",
            "list_penalties",
            "list_variants",
        ),
        "ganzoo.api.catalogue",
    ),
    "list_runs": "ganzoo.api.listing",
    "load": "ganzoo.api.train",
    "load_generator": "ganzoo.exporting.reading",
    "plan": "ganzoo.api.planning",
    "pull": "ganzoo.exporting.hub",
    "push": "ganzoo.exporting.hub",
    "report": "ganzoo.reporting.writing",
    "resume": "ganzoo.api.resume",
    "train": "ganzoo.api.train",
    "tune": "ganzoo.api.tuning",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from ganzoo.machine.packages import installed_version

        return installed_version("ganzoo")
    if name not in _LAZY:
        raise AttributeError(f"module 'ganzoo' has no attribute {name!r}")
    from ganzoo.machine.packages import tolerate_damage

    tolerate_damage()
    return pkgutil.resolve_name(f"{_LAZY[name]}:{name}")


def __dir__() -> list[str]:
    loaded = [name for name, value in globals().items() if getattr(value, "__name__", "") == f"ganzoo.{name}"]
    return sorted({*__all__, *loaded, *(name for name in globals() if name.startswith("__")), "__version__"})
