"""Trains variants on a data set over several seeds and reports their scores: mean and standard deviation.

python -m benchmarks.variants NAME[.RECIPE] [...] --dataset D [--seeds 3] [--data-root FOLDER] [--set key=value ...]

The claims in the pages of the variants come from here. Runs go to a temporary folder unless --keep names
one; runs that are there are gone on with.
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import ganzoo
from benchmarks import results, training
from ganzoo.config import parse_assignments


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.keep or temporary)
        rows = {name: cell(name, options, folder) for name in options.variants}
    label = options.label or "-".join([*options.variants, options.dataset]).replace(".", "-").replace(":", "-")
    # Where the runs and the data lie says nothing about the numbers.
    private = {options.keep, options.data_root, "--keep", "--data-root"}
    command = "python -m benchmarks.variants " + shlex.join(word for word in sys.argv[1:] if word not in private)
    print(f"wrote {results.write(label, command, {'variants': rows})}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="+")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data-root")
    parser.add_argument("--keep")
    parser.add_argument("--label")
    parser.add_argument("--set", dest="assignments", action="append", default=[])
    return parser.parse_args()


def cell(name: str, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One variant over all seeds."""
    seeds = [one(name, seed, options, folder) for seed in range(options.seeds)]
    summary = {}
    for score in seeds[0]["scores"]:
        values = [seed["scores"][score] for seed in seeds]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        summary[score] = {"mean": statistics.mean(values), "sd": spread, "real": seeds[0]["real"][score]}
        print(f"{name} {score}: {summary[score]['mean']:.4g} ± {spread:.2g} (real {summary[score]['real']})")
    return {"summary": summary, "seeds": seeds}


def one(name: str, seed: int, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One training and its scores."""
    run = training.train(
        name,
        folder / f"{name}-{options.dataset.replace(':', '-')}-{seed}",
        dataset=options.dataset,
        seed=seed,
        set=parse_assignments(options.assignments),
        data_root=options.data_root,
    )
    scores = ganzoo.evaluate(run)
    values = {score.name: score.value for score in scores.scores}
    print(f"{name} seed {seed}: " + "  ".join(f"{n} {v:.4g}" for n, v in values.items()), flush=True)
    return {
        "seed": seed,
        "steps": run.recipe.steps,
        "scores": values,
        "real": {score.name: score.real for score in scores.scores},
    }


if __name__ == "__main__":
    main()
