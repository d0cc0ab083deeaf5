"""FID and Inception Score of the CIFAR-10 recipes over the seconds of training, on a GPU.

python -m benchmarks.cifar10 --weights FILE [--data-root FOLDER] [--only TEXT ...] [--minutes 60] [--runs FOLDER]

Each recipe is trained as `ganzoo train` does and scored at evenly spaced steps, until its end or until --minutes have
passed. The same command goes on where it stopped. Scoring and starting do not count as seconds of training. --weights
is the file of Inception weights that `ganzoo eval` takes; without it, scores are on domain features and are not FID.
Results are written to benchmarks/results/cifar10.json after every point.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import ganzoo
from benchmarks import results
from benchmarks.bundled import bundled_recipes
from benchmarks.only import add_only, chosen
from ganzoo.callbacks import Callback, Training
from ganzoo.files.records import read_records
from ganzoo.runs.run import Run
from ganzoo.specs import Variant
from ganzoo.zoo.zoo import register

NEEDS = "gpu"
DATASET = "cifar10"
LOG_EVERY = 20
"""Steps between the lines of metrics.jsonl."""


class Stopper(Callback):
    """Ends training at a step, with everything saved."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, trainer: Training) -> None:
        trainer.stop_requested = trainer.stop_requested or trainer.progress.step >= self.step


class Segments:
    """A plugin that ends every run at `stop`, if it is not 0."""

    stop = 0

    @ganzoo.hookimpl
    def ganzoo_callbacks(self, variant: Variant) -> list[Callback]:
        return [Stopper(self.stop)] if self.stop else []


@cache
def segments() -> Segments:
    """The plugin of this process, registered like any that is not installed."""
    made = Segments()
    register(made, "segments")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    for recipe in recipes():
        if chosen(recipe, options.only):
            follow(recipe, options)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_only(made, "recipes")
    made.add_argument("--data-root")
    made.add_argument("--weights", help="file of Inception weights")
    made.add_argument("--runs", type=Path, default=Path("runs/cifar10"))
    made.add_argument("--points", type=int, default=20, help="number of scored steps")
    made.add_argument("--samples", type=int, help="samples per score [default: as `ganzoo eval`]")
    made.add_argument("--steps", type=int, help="instead of the recipe's own")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--minutes", type=float, default=60.0, help="stop a recipe at the next point after this time")
    made.add_argument("--device", default="auto")
    return made


def recipes() -> Iterator[str]:
    """The bundled recipes for the data set."""
    return bundled_recipes((DATASET,))


def follow(recipe: str, options: argparse.Namespace) -> None:
    """Train a recipe from point to point, with a score at each."""
    path = options.runs / f"{recipe}-{options.seed}"
    began = time.monotonic()
    points = list(read_records(path / "points.jsonl"))
    while not points or points[-1]["step"] < points[-1]["of"]:
        run = advance(recipe, path, options)
        points.append(point(run, options))
        with (path / "points.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(points[-1]) + "\n")
        record(recipe, options, run, points)
        if time.monotonic() - began > 60 * options.minutes:
            break


def advance(recipe: str, path: Path, options: argparse.Namespace) -> Run:
    """Train to the next point: a multiple of a fraction of all steps."""
    plugin = segments()
    where: dict[str, Any] = {"data_root": options.data_root, "device": options.device, "progress": False}
    if path.exists():
        run = ganzoo.load(path)
        if run.step >= run.recipe.steps:
            return run
        plugin.stop = following(run.step, run.recipe.steps, options.points)
        run = ganzoo.resume(path, **where)
    else:
        steps = options.steps or ganzoo.plan(recipe, **where).recipe.steps
        plugin.stop = following(0, steps, options.points)
        run = ganzoo.train(recipe, steps=steps, seed=options.seed, out=path, **where)
    plugin.stop = 0
    return run


def following(step: int, steps: int, points: int) -> int:
    """The first point after a step. Points are steps that are logged, so that their seconds are known."""
    every = max(1, steps // points // LOG_EVERY) * LOG_EVERY
    return min(steps, (step // every + 1) * every)


def point(run: Run, options: argparse.Namespace) -> dict[str, Any]:
    """The scores of a run as it is, with the steps and the seconds of training until then."""
    found = ganzoo.evaluate(
        run,
        options.samples,
        metrics="is,fd",
        features="inception" if options.weights else "auto",
        weights=options.weights,
        data_root=options.data_root,
        device=options.device,
    )
    last = run.metrics()[-1]
    return {
        "step": run.step,
        "of": run.recipe.steps,
        "seconds": last["seconds"],
        "scores": {item.name: item.value for item in found.scores},
        "protocol": {item.name: item.protocol["name"] for item in found.scores},
    }


def record(recipe: str, options: argparse.Namespace, run: Run, points: list[dict[str, Any]]) -> None:
    """Print the newest point, and write all of them to the results file, beside other recipes' of this machine."""
    path = results.FOLDER / "cifar10.json"
    before = json.loads(path.read_text("utf-8")) if path.exists() else {}
    rows = before.get("rows", {}) if before.get("machine") == results.machine() else {}
    rows[f"{recipe}, seed {options.seed}"] = {"hardware": run.info.get("hardware"), "points": points}
    results.write("cifar10", "python -m benchmarks.cifar10", {"rows": rows})
    new = points[-1]
    values = ", ".join(f"{name} {value:.4g}" for name, value in new["scores"].items())
    print(f"{recipe}: step {new['step']:,} of {new['of']:,}, {new['seconds']:,.0f} s: {values}", flush=True)


if __name__ == "__main__":
    main()
