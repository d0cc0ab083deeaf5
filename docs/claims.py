"""Tables of docs/science.md, from benchmarks/results/science.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from ganzoo.api.bench.report import format_spread
from ganzoo.pictures.tables import ScoreTable


def over_seeds(values: list[float]) -> str:
    """Mean and standard deviation."""
    return format_spread({"n": len(values), "mean": fmean(values), "sd": stdev(values) if len(values) > 1 else None}, 3)


def by_setting(name: str, settings: Sequence[float], scores: Mapping[str, list[list[float]]]) -> str:
    """A row for each setting, a column for each score. scores: of each seed, the values of all settings."""
    rows = [
        [f"{setting:g}", *(over_seeds([seed[number] for seed in seeds]) for seeds in scores.values())]
        for number, setting in enumerate(settings)
    ]
    return ScoreTable("", [name, *scores], rows).markdown() + "\n"


def dirac(found: Mapping[str, Any]) -> str:
    rows = []
    for row in found["rows"]:
        factors = [f"{row[key]:.4f}" if key in row else "" for key in ("measured", "spectral radius")]
        rows.append([row["optimiser"], row["penalty"], f"{row['distance'][-1]:.2g}", *factors])
    steps, start = len(found["rows"][0]["distance"]) - 1, found["rows"][0]["distance"][0]
    header = ["optimiser", "penalty", f"distance after {steps} steps", "factor per step", "the same by theory"]
    return f"{ScoreTable('', header, rows, left=2).markdown()}\nAll begin at a distance of {start:.2g}.\n"


def spectral_norm(found: Mapping[str, Any]) -> str:
    names = {"with": "with spectral normalisation", "without": "without"}
    rows = [
        [names[way], *(over_seeds(list(column)) for column in zip(*scores, strict=True))]
        for way, scores in found["scores"].items()
    ]
    return ScoreTable("", ["", *(f"rates × {factor:g}" for factor in found["factors"])], rows).markdown() + "\n"


def truncation(found: Mapping[str, Any]) -> str:
    return by_setting("within", found["thresholds"], found["scores"])


def augmentation(found: Mapping[str, Any]) -> str:
    rows = [[way, over_seeds(values)] for way, values in found["FD"].items()]
    return ScoreTable("", ["training images", "FD to all training images"], rows).markdown() + "\n"


def packing(found: Mapping[str, Any]) -> str:
    return by_setting("samples in a pack", found["packs"], found["scores"])


TABLES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "dirac": dirac,
    "spectral-norm": spectral_norm,
    "truncation": truncation,
    "augmentation": augmentation,
    "packing": packing,
}


def claim(name: str, results: Mapping[str, Any]) -> str:
    """The table of one claim, with the command, the processor and the date."""
    found = results["claims"][name]
    command = f"{results['command']} --only {name}"
    return f"{TABLES[name](found)}\n`{command}`, {found['processor']}, {found['date']}.\n"
