"""Time to quality: seconds of training until the Inception Score reaches 80 % and 90 % of that of real test images.

python -m benchmarks.quality [--data-root FOLDER] [--only TEXT ...] [--seeds 0 1 2] [--points 32] [--runs FOLDER]
                             [--draw]

Complete training runs of the bundled recipes for digits and MNIST, through `ganzoo.train`, with the recipes' numbers of
steps. A callback scores samples at evenly spaced steps as `ganzoo eval` does, with the same number of samples, and
stops the clock meanwhile; the clock starts before the first step and includes pictures and checkpoints. The result is
the first scored step at which the fraction is reached.

Results are written to benchmarks/results/quality.json. Other recipes are kept, and other seeds of the same machine.
Runs are written to a temporary folder unless --runs names one. --draw trains nothing, and draws the curves of all
recipes that were measured to docs/images/quality.png.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

import ganzoo
from benchmarks import results
from benchmarks.bundled import bundled_recipes
from benchmarks.only import add_only, chosen
from benchmarks.results import IMAGES
from ganzoo.api.bench.report import spread
from ganzoo.api.planning import make_options
from ganzoo.callbacks import Callback, Training
from ganzoo.data.dataset import to_uint8
from ganzoo.evaluation.scoring import Score, score
from ganzoo.pictures.plots import new_figure
from ganzoo.recipes import Recipe
from ganzoo.runs.reference import Reference, Request
from ganzoo.runs.run import Run
from ganzoo.runs.sampling import Draw, draw
from ganzoo.specs import Variant
from ganzoo.zoo import registry
from ganzoo.zoo.zoo import register

NEEDS = "MNIST in the data folder, and an hour and a half"
DATASETS = ("digits", "mnist")
FRACTIONS = (0.8, 0.9)


class Curve(Callback):
    """The score at evenly spaced steps, with the seconds of training until then.

    points: dicts of step, seconds, "cpu seconds", score and share (the fraction of the score of real test images).
    """

    def __init__(self, run: Run, count: int) -> None:
        self.run, self.every = run, max(1, run.recipe.steps // count)
        self.points: list[dict[str, float]] = []
        self.real = 0.0

    def on_start(self, trainer: Training) -> None:
        data = dataclasses.replace(trainer.recipe.data, labels=True)
        with trainer.stopwatch.paused():
            self.reference = Reference(data, make_options(**self.run.options()), trainer.stream.dataset)
            # This also trains the classifier behind the features, unless it is cached.
            self.real = self._score(trainer, with_real=True).real or 0.0
        self.began, self.cpu_began = trainer.stopwatch.seconds, trainer.stopwatch.cpu_seconds

    def on_step(self, trainer: Training) -> None:
        step, watch = trainer.progress.step, trainer.stopwatch
        if step % self.every and step != trainer.progress.steps:
            return
        times = {"seconds": watch.seconds - self.began, "cpu seconds": watch.cpu_seconds - self.cpu_began}
        with watch.paused():
            value = self._score(trainer).value
        scores = {"score": round(value, 5), "share": round(value / self.real, 5)}
        self.points.append({"step": step, **{key: round(time, 2) for key, time in times.items()}, **scores})

    def _score(self, trainer: Training, with_real: bool = False) -> Score:
        """The current Inception Score, on the samples that `ganzoo eval` would draw."""
        gan, name, seed = trainer.gan, self.run.variant.name, trainer.recipe.seed + 1
        n = self.reference.default_samples()
        y = self.reference.labels(gan, n, seed)
        drawn = draw(gan, name, Draw(n, y, seed=seed, device=trainer.fabric.device))
        samples = self.reference.samples(to_uint8(drawn), y, Request(), seed)
        return score(samples, registry.metrics().values(), ["is"], with_real=with_real).scores[0]


class Observer:
    """A plugin whose only callback records the curve of the current run, if `count`, its number of points, is not 0."""

    count = 0
    curve: Curve

    @ganzoo.hookimpl
    def ganzoo_callbacks(self, variant: Variant, recipe: Recipe, run: Run) -> list[Callback]:
        if not self.count:
            return []
        self.curve = Curve(run, self.count)
        return [self.curve]


@functools.cache
def observer() -> Observer:
    """The observer of this process, registered like any plugin that is not installed."""
    made = Observer()
    register(made, "time-to-quality")
    return made


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    if options.draw:
        draw_curves(IMAGES / "quality.png")
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.runs or temporary)
        for recipe in recipes():
            if chosen(recipe, options.only):
                for seed in options.seeds:
                    row = measure(recipe, seed, folder / f"{recipe}-{seed}", options)
                    record(recipe, seed, row)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data-root")
    add_only(made, "recipes")
    made.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    made.add_argument("--points", type=int, default=32, help="number of scored steps per run")
    made.add_argument("--steps", type=int, help="instead of the recipe's own, to try the script")
    made.add_argument("--runs", help="where to train [default: a temporary folder]")
    made.add_argument("--draw", action="store_true", help="draw the curves that were measured, train nothing")
    return made


def recipes() -> Iterator[str]:
    """The bundled recipes for these data sets."""
    return bundled_recipes(DATASETS)


def measure(recipe: str, seed: int, path: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Train a recipe with a seed; returns its curve, and the point at which it reached each fraction, or None."""
    watch = observer()
    watch.count = options.points
    steps = {} if options.steps is None else {"steps": options.steps}
    run = ganzoo.train(
        recipe, seed=seed, out=str(path), data_root=options.data_root, device="cpu", progress=False, **steps
    )
    watch.count, curve = 0, watch.curve
    if not curve.points or curve.points[-1]["step"] != run.recipe.steps:
        raise RuntimeError(f"{path}: the scores end before the training run does: the warning above says why.")
    (final,) = ganzoo.evaluate(run, metrics="is", data_root=options.data_root).scores
    return {
        "steps": run.recipe.steps,
        "threads": torch.get_num_threads(),
        "precision": run.info["options"]["precision"],
        "load average": round(os.getloadavg()[0], 2),
        "protocol": final.protocol["name"],
        "real": curve.real,
        "reached": {f"{share:.0%}": reached(curve.points, share) for share in FRACTIONS},
        "whole": curve.points[-1],
        "best share": max(point["share"] for point in curve.points),
        "share by ganzoo eval": round(final.value / curve.real, 5),
        "points": curve.points,
    }


def reached(points: list[dict[str, float]], share: float) -> dict[str, float] | None:
    """The first point with at least this fraction of the real score; None if there is none."""
    return next((point for point in points if point["share"] >= share), None)


def record(recipe: str, seed: int, row: dict[str, Any]) -> None:
    """Print a row and add it to the results file.

    A recipe's seeds are of one machine, with the same versions of the packages: on another, that recipe starts over.
    """
    rows = results.rows("quality")
    before = rows.get(recipe, {})
    kept = {} if "machine" in before else before.get("seeds", {})
    seeds = dict(sorted((kept | {str(seed): row}).items()))
    rows[recipe] = {"summary": summary(list(seeds.values())), "seeds": seeds}
    results.write("quality", "python -m benchmarks.quality", {"rows": dict(sorted(rows.items()))})
    print(f"{recipe}, seed {seed}: {as_text(row)}", flush=True)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation over the seeds; for each fraction, over the seeds that reached it."""
    found: dict[str, Any] = {"seeds": len(rows), "share": spread([row["whole"]["share"] for row in rows])}
    for share in rows[0]["reached"]:
        there = [row["reached"][share] for row in rows if row["reached"][share]]
        found[share] = {key: spread([point[key] for point in there]) for key in ("seconds", "cpu seconds", "step")}
    whole = [row["whole"] for row in rows]
    return found | {"whole": {key: spread([point[key] for point in whole]) for key in ("seconds", "cpu seconds")}}


def draw_curves(path: Path) -> None:
    """The fraction of the real score over CPU seconds: a panel per data set, a line per recipe, the best end first."""
    from matplotlib.ticker import LogLocator

    rows = json.loads((results.FOLDER / "quality.json").read_text("utf-8"))["rows"]
    recipe_data = {name: ganzoo.plan(name).recipe.data.name for name in rows}
    shown = [dataset for dataset in DATASETS if dataset in recipe_data.values()]
    figure = new_figure(9, 4.5 * len(shown))
    for axes, dataset in zip(figure.subplots(len(shown), squeeze=False)[:, 0], shown, strict=True):
        curves = {name: mean_curve(row["seeds"]) for name, row in rows.items() if recipe_data[name] == dataset}
        best_first = sorted(curves.items(), key=lambda curve: -curve[1][1][-1])
        for number, (name, (seconds, shares)) in enumerate(best_first):
            style = ("-", "--", ":")[number // 10 % 3]
            axes.plot(seconds, shares, style, color=f"C{number % 10}", linewidth=1.2, label=name)
        for share in FRACTIONS:
            axes.axhline(share, color="grey", linewidth=0.8, linestyle=":")
        axes.set(title=dataset, xscale="log", ylabel="fraction of the real Inception Score")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    figure.axes[-1].set_xlabel("CPU seconds of training")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def mean_curve(seeds: dict[str, dict[str, Any]]) -> tuple[list[float], list[float]]:
    """CPU seconds and fractions of the real score at the scored steps, means over the seeds."""
    points = list(zip(*(row["points"] for row in seeds.values()), strict=True))
    return [fmean(p["cpu seconds"] for p in at) for at in points], [fmean(p["share"] for p in at) for at in points]


def as_text(row: dict[str, Any]) -> str:
    """A row as one line of text."""
    parts = []
    for share, point in row["reached"].items():
        when = f"after {point['seconds']:.0f} s ({point['cpu seconds']:.0f} CPU s)" if point else "never"
        parts.append(f"{share} {when}")
    whole = row["whole"]
    last = f"{whole['share']:.1%} at the end, after {whole['seconds']:.0f} s ({whole['cpu seconds']:.0f} CPU s)"
    return "; ".join([*parts, last])


if __name__ == "__main__":
    main()
