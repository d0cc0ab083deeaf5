"""Trains the recipes that the pages show and puts their pictures and scores where the pages look for them.

python -m benchmarks.gallery [--data-root FOLDER] [--runs FOLDER] [--only TEXT ...]

Pictures go to plugins/*/ and docs/images/, scores to benchmarks/results/gallery.json. A run that is in --runs
already is gone on with, or taken as it is when it is done.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ganzoo
from benchmarks import results, training

ROOT = Path(__file__).resolve().parents[1]
IMAGES = "docs/images"


@dataclass(frozen=True)
class Row:
    """A recipe, the page that shows its samples, and where else a file of the run goes."""

    recipe: str
    picture: str
    also: tuple[tuple[str, str], ...] = ()


ROWS = (
    Row("dcgan.digits", "plugins/ganzoo_dcgan/samples-digits.png", (("training.gif", f"{IMAGES}/digits.gif"),)),
    Row("vanilla.digits", "plugins/ganzoo_vanilla/samples-digits.png"),
    Row("wgan-gp.digits", "plugins/ganzoo_wgan_gp/samples-digits.png"),
    Row("wgan.digits", "plugins/ganzoo_wgan_gp/samples-wgan-digits.png"),
    Row("conditional.digits", "plugins/ganzoo_conditional/samples-digits.png"),
    Row("conditional.digits-mlp", "plugins/ganzoo_conditional/samples-digits-mlp.png"),
    Row("vanilla.points", "plugins/ganzoo_vanilla/samples-points.png"),
    Row("wgan-gp.points", "plugins/ganzoo_wgan_gp/samples-points.png", (("samples.png", f"{IMAGES}/ring.png"),)),
    Row("wgan.points", "plugins/ganzoo_wgan_gp/samples-wgan-points.png"),
    Row("dcgan.mnist", "plugins/ganzoo_dcgan/samples-mnist.png"),
    Row(
        "conditional.mnist",
        "plugins/ganzoo_conditional/samples-mnist.png",
        (("samples.png", f"{IMAGES}/mnist-by-class.png"),),
    ),
    Row("vanilla.mnist", "plugins/ganzoo_vanilla/samples-mnist.png"),
    Row("wgan-gp.mnist", "plugins/ganzoo_wgan_gp/samples-mnist.png"),
    Row("wgan.mnist", "plugins/ganzoo_wgan_gp/samples-wgan-mnist.png"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root")
    parser.add_argument("--runs", default="runs/gallery")
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    for row in ROWS:
        if not options.only or any(text in row.recipe for text in options.only):
            note(row, show(row, Path(options.runs), options.data_root))


def show(row: Row, runs: Path, data_root: str | None) -> dict[str, Any]:
    """Train a row, unless it was, and copy its pictures; returns its scores."""
    path = runs / row.recipe
    run = training.train(row.recipe, path, data_root=data_root)
    if run.scores is None:
        ganzoo.evaluate(run)
    for source, target in (("samples.png", row.picture), *row.also):
        (ROOT / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path / source, ROOT / target)
    scores = run.scores or {}
    return {
        "steps": run.recipe.steps,
        "scores": {score["name"]: {"value": score["value"], "real": score["real"]} for score in scores["scores"]},
    }


def note(row: Row, values: dict[str, Any]) -> None:
    """Add a row to the results file, and print it."""
    path = results.FOLDER / "gallery.json"
    rows = json.loads(path.read_text("utf-8"))["rows"] if path.exists() else {}
    results.write("gallery", "python -m benchmarks.gallery", {"rows": rows | {row.recipe: values}})
    numbers = "  ".join(f"{name} {score['value']:.4g}" for name, score in values["scores"].items())
    print(f"{row.recipe}: {values['steps']} steps  {numbers}", flush=True)


if __name__ == "__main__":
    main()
