"""What the diagnosis reports for complete training runs, healthy and failing ones, and what its measurements cost.

python -m benchmarks.diagnosis [--only TEXT ...] [--runs FOLDER] [--bench FOLDER]

Results are written to benchmarks/results/diagnosis.json; existing rows that are not measured again are kept. Runs are
written to a temporary folder unless --runs names one. With --bench, reports of the runs in a benchmark's folder are
included; runs whose diagnosis did not cover all steps are left out.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any
from unittest import mock

import ganzoo
from benchmarks import results
from benchmarks.only import add_only, chosen
from ganzoo.errors import TrainingError
from ganzoo.files.records import read_records
from ganzoo.runs.callbacks.diagnosis import Diagnosis
from ganzoo.training.trainer import Trainer

ASSIGNMENT = re.compile(r"`--set ([^`=\s]+)=([^`\s]*)`")

HEALTHY = ("vanilla.digits", "dcgan.digits", "vanilla.points")
FAILING: dict[str, tuple[str, str, int, dict[str, Any]]] = {
    "generator much too fast": ("mode-collapse", "vanilla.points", 1500, {"g.lr": 0.01, "d.lr": 1e-4}),
    "discriminator much too fast": (
        "discriminator-won",
        "vanilla.digits",
        600,
        {"loss": "minimax", "d.lr": 0.002, "g.lr": 1e-4},
    ),
    "learning rate of D too high": ("discriminator-died", "projection.digits", 600, {"d.lr": 0.04}),
    "saturated generator": ("discriminator-won", "vanilla.digits", 1500, {"g.lr": 0.02}),
    "critic without a penalty": ("divergence", "wgan-gp.points", 600, {"penalties": "none"}),
    "weak penalty": ("divergence", "wgan-gp.points", 600, {"penalties.wgan-gp.weight": 1e-4}),
    "one latent dimension": ("mode-collapse", "vanilla.digits", 1200, {"latent": 1}),
    "much momentum": (
        "mode-collapse",
        "vanilla.points",
        1500,
        {"g.betas": "0.99,0.999", "d.betas": "0.99,0.999", "batch": 64},
    ),
    "learning rates of 1e30": ("non-finite", "vanilla.digits", 100, {"g.lr": 1e30, "d.lr": 1e30}),
}


@contextmanager
def timed() -> Iterator[list[float]]:
    """Collects the CPU seconds of each measurement of any diagnosis."""
    seconds: list[float] = []
    original = Diagnosis.measure

    def measure(diagnosis: Diagnosis, trainer: Trainer) -> None:
        start = time.process_time()
        original(diagnosis, trainer)
        seconds.append(time.process_time() - start)

    with mock.patch.object(Diagnosis, "measure", measure):
        yield seconds


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_only(parser, "cases")
    parser.add_argument("--runs")
    parser.add_argument("--bench", type=Path)
    options = parser.parse_args(arguments)
    if options.bench:
        runs = [path.parent for path in sorted(options.bench.glob("*/seed-*/recipe.json"))]
        if not runs:
            parser.error(f"{options.bench} has no runs: name a folder that `ganzoo bench GRID --out` wrote.")
        for run in runs:
            read(run)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.runs or temporary)
        for name in HEALTHY:
            if chosen(name, options.only):
                record(name, {"expected": None, "recipe": name, "set": {}, **measure(name, folder / name)})
        for name, (expected, recipe, steps, keys) in FAILING.items():
            if chosen(name, options.only):
                values = measure(recipe, folder / name.replace(" ", "-"), steps=steps, set=keys)
                tried = try_hints(recipe, steps, keys, folder / name.replace(" ", "-"))
                record(name, {"expected": expected, "recipe": recipe, "set": keys, **values, "tried": tried})


def alternatives(hint: str) -> list[dict[str, str]]:
    """What a hint suggests: one or several keys with their values for each alternative."""
    return [dict(ASSIGNMENT.findall(part)) for part in hint.rpartition("; try ")[2].split(" or ")]


def try_hints(recipe: str, steps: int, keys: dict[str, Any], failed: Path) -> dict[str, dict[str, Any]]:
    """Train again with each alternative of each hint of a failed run; returns the hints of these runs."""
    tried: dict[str, dict[str, Any]] = {}
    for hint in ganzoo.load(failed).hints():
        for alternative in alternatives(hint["hint"]):
            name = " ".join(f"{key}={value}" for key, value in alternative.items())
            if name not in tried:
                path = failed.with_name(f"{failed.name}-{len(tried)}")
                tried[name] = measure(recipe, path, steps=steps, set=keys | alternative)
    return tried


def variety(path: Path) -> float:
    """Mean variety in the last quarter of a run."""
    values = [check["variety"] for check in read_records(path / "diagnosis.jsonl") if "variety" in check]
    return round(fmean(values[-max(1, len(values) // 4) :]), 3)


def read(path: Path) -> None:
    """Record the report on a finished run."""
    run = ganzoo.load(path)
    checks = read_records(path / "diagnosis.jsonl")
    if checks and checks[0]["step"] == 0 and checks[-1]["step"] == run.recipe.steps:
        hints = {hint["name"]: hint["step"] for hint in run.hints()}
        name = f"{path.parent.name}, {path.name.replace('-', ' ')}"
        recipe = f"{run.info['variant']}.{run.info['recipe_name']}"
        record(name, {"expected": None, "recipe": recipe, "set": {}, "steps": run.recipe.steps, "hints": hints})


def measure(recipe: str, path: Path, **options: Any) -> dict[str, Any]:
    """Train a run; returns the report and the cost of the measurements."""
    start = time.process_time()
    with timed() as measurements:
        try:
            ganzoo.train(recipe, out=str(path), progress=False, device="cpu", **options)
        except TrainingError as error:
            print(f"{path.name}: {error}")
    seconds = time.process_time() - start
    run = ganzoo.load(path)
    return {
        "steps": run.recipe.steps,
        "hints": {hint["name"]: hint["step"] for hint in run.hints()},
        "variety": variety(path),
        "cpu seconds": round(seconds, 1),
        "share of looks": round(sum(measurements) / seconds, 5),
    }


def record(name: str, row: dict[str, Any]) -> None:
    """Add a row to the results file, and print it as a row of the page's table."""
    results.write("diagnosis", "python -m benchmarks.diagnosis", {"rows": results.rows("diagnosis") | {name: row}})
    report = ", ".join(f"{hint} (step {step:,})" for hint, step in row["hints"].items()) or "nothing"
    fraction = f"{row['share of looks']:.2%}" if "share of looks" in row else ""
    print(f"| {name} | {row['steps']:,} | {report} | {fraction} |", flush=True)


if __name__ == "__main__":
    main()
