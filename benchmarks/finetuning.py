"""Fine-tuning on a tenth of MNIST from weights of other data, against random weights: scores over the steps, a figure.

python -m benchmarks.finetuning [--data-root FOLDER] [--runs FOLDER] [--seeds 0 1 2] [--steps N] [--draw]

Numbers are written to benchmarks/results/finetuning.json, the figure to docs/images/finetuning.png. Runs are kept in
--runs, and a second start goes on with them. --draw only draws what was measured.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

import ganzoo
from benchmarks import results
from benchmarks.claims.augmentation import part
from benchmarks.claims.setting import Setting, draw_seeds, scores
from benchmarks.results import IMAGES
from ganzoo.pictures.plots import new_figure

NEEDS = "MNIST and Fashion-MNIST in the data folder, and half an hour"
RECIPE = "dcgan.mnist"
STEPS = 1500
EVERY = 150
SOURCES: dict[str, dict[str, Any]] = {
    "Fashion-MNIST": {"dataset": "fashion-mnist"},
    "8x8 digits": {"dataset": "digits", "set": {"data.size": 28}},
}
WAYS: dict[str, dict[str, Any]] = {
    "random weights": {},
    "from Fashion-MNIST": {"source": "Fashion-MNIST"},
    "from 8x8 digits": {"source": "8x8 digits"},
    "from 8x8 digits, Freeze-D": {"source": "8x8 digits", "freeze": "d.body.0.*"},
}


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    if not options.draw:
        setting = Setting(options.runs, options.data_root, tuple(options.seeds), options.steps)
        results.write("finetuning", "python -m benchmarks.finetuning", measure(setting))
    found = json.loads((results.FOLDER / "finetuning.json").read_text("utf-8"))
    figure = new_figure(9, 3.5)
    draw(found, figure)
    IMAGES.mkdir(parents=True, exist_ok=True)
    figure.savefig(IMAGES / "finetuning.png")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data-root")
    made.add_argument("--runs", type=Path, default=Path("runs/finetuning"))
    made.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    made.add_argument("--steps", type=int, help="instead of its own, to try the script")
    made.add_argument("--draw", action="store_true", help="draw the figure again, train nothing")
    return made


def measure(setting: Setting) -> dict[str, Any]:
    """Scores over the steps and at the end, of every way and seed."""
    setting.folder.mkdir(parents=True, exist_ok=True)
    steps = setting.steps or STEPS
    sources = {name: trained(setting, f"source {name}", 0, steps, **options) for name, options in SOURCES.items()}
    path, ways = part(10, setting), {}
    for way, start in WAYS.items():
        rows = []
        for seed in setting.seeds:
            # On all of the tenth: it is scored against the whole of MNIST.
            more: dict[str, Any] = {"set": {"data.held_out": 0}}
            if "freeze" in start:
                more["set"]["freeze"] = start["freeze"]
            if "source" in start:
                more["init_from"] = sources[start["source"]]
            run = trained(setting, way, seed, steps, dataset=path, eval_every=max(1, steps * EVERY // STEPS), **more)
            end = scores(run, "is,fd", setting, against="mnist")
            rows.append({"evaluations": run.evaluations(), "end": end, "cpu_seconds": run.metrics()[-1]["cpu_seconds"]})
            print(f"{way}, seed {seed}: {end}", flush=True)
        ways[way] = rows
    return {"recipe": RECIPE, "steps": steps, "seeds": list(setting.seeds), "ways": ways}


def trained(setting: Setting, name: str, seed: int, steps: int, **options: Any) -> ganzoo.Run:
    """A finished run in FOLDER/NAME/seed-S, as `Setting.train` finds or trains it."""
    keys = options.pop("set", {})
    return setting.train(name.replace(" ", "-").replace(",", "").lower(), RECIPE, seed, keys, steps, **options)


def curves(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[list[int], list[list[float]]]:
    """The steps, and the values of a score of each seed."""
    steps = [record["step"] for record in rows[0]["evaluations"]]
    wanted = [key for key in rows[0]["evaluations"][0]["scores"] if key.partition("[")[0] == name]
    return steps, [[record["scores"][wanted[0]] for record in row["evaluations"]] for row in rows]


def draw(found: Mapping[str, Any], figure: Figure) -> None:
    """IS and FD over the steps: means as lines, seeds as dots."""
    for axes, name, label in zip(
        figure.subplots(1, 2), ("IS", "FD"), ("IS (higher is better)", "FD (lower is better)"), strict=True
    ):
        for number, (way, rows) in enumerate(found["ways"].items()):
            steps, values = curves(rows, name)
            draw_seeds(axes, steps, values, way, f"C{number}")
        axes.set_xlabel("steps on 6,000 images of MNIST")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        if name == "FD":
            axes.set_yscale("log")
        else:
            axes.legend(fontsize=8)


if __name__ == "__main__":
    main()
