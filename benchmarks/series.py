"""Time series: the scores of simple baselines, beside those of trained runs.

python -m benchmarks.series [--datasets sines google market] [--seeds 0 1 2] [--runs RUN ...]

The baselines know the training series and nothing else:

- bootstrap: blocks of six steps, each from a random training series at the same position.
- var: a vector autoregression of order 1 with normal residuals, x_t = c + A x_(t-1) + e, from a normal first step.
- gaussian: a normal distribution over whole series, with their means and covariances.

Each draws as many samples as `ganzoo eval` does, which are scored by the same metrics. `--runs` names runs that
`ganzoo train` made; their scores are computed anew. Results are written to benchmarks/results/series.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ganzoo
from benchmarks import results
from ganzoo.evaluation.scoring import Scores, score
from ganzoo.recipes import Data, RunOptions
from ganzoo.runs.reference import Reference, Request
from ganzoo.zoo import registry
from ganzoo.zoo.datasets import parse_dataset

DATASETS = ("sines", "google", "market")
BLOCK = 6


def bootstrap(x: np.ndarray, n: int, rng: np.random.RandomState) -> np.ndarray:
    """`n` series whose blocks of six steps are those of random training series `x [N, T, F]`."""
    found = np.empty((n, *x.shape[1:]), x.dtype)
    for start in range(0, x.shape[1], BLOCK):
        found[:, start : start + BLOCK] = x[rng.randint(len(x), size=n), start : start + BLOCK]
    return found


def var(x: np.ndarray, n: int, rng: np.random.RandomState) -> np.ndarray:
    """`n` series of a vector autoregression of order 1, fitted by least squares to `x [N, T, F]`."""
    columns = x.shape[2]
    before, after = x[:, :-1].reshape(-1, columns), x[:, 1:].reshape(-1, columns)
    with_constant = np.concatenate([before, np.ones((len(before), 1))], 1)
    weights = np.linalg.lstsq(with_constant, after, rcond=None)[0]
    residuals = np.cov(after - with_constant @ weights, rowvar=False).reshape(columns, columns)
    steps = [rng.multivariate_normal(x[:, 0].mean(0), np.cov(x[:, 0], rowvar=False).reshape(columns, columns), n)]
    for _ in range(x.shape[1] - 1):
        noise = rng.multivariate_normal(np.zeros(columns), residuals, n)
        steps.append(steps[-1] @ weights[:-1] + weights[-1] + noise)
    return np.stack(steps, 1)


def gaussian(x: np.ndarray, n: int, rng: np.random.RandomState) -> np.ndarray:
    """`n` series from the normal distribution of `x [N, T, F]`, as vectors."""
    rows = x.reshape(len(x), -1)
    drawn = rng.multivariate_normal(rows.mean(0), np.cov(rows, rowvar=False), n, check_valid="ignore")
    return drawn.reshape(n, *x.shape[1:])


BASELINES: dict[str, Callable[[np.ndarray, int, np.random.RandomState], np.ndarray]] = {
    "bootstrap": bootstrap,
    "var": var,
    "gaussian": gaussian,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="*", default=list(DATASETS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--runs", nargs="*", default=[], type=Path)
    options = parser.parse_args(arguments)
    rows = [row for dataset in options.datasets for row in baselines(dataset, options.seeds)]
    rows += [of_run(path) for path in options.runs]
    for row in rows:
        print(json.dumps(row), flush=True)
    command = f"python -m benchmarks.series --datasets {' '.join(options.datasets)}"
    command += " --runs RUN ..." if options.runs else ""
    print(f"wrote {results.write('series', command, {'rows': rows})}")


def baselines(dataset: str, seeds: list[int]) -> list[dict[str, Any]]:
    """The scores of each baseline on a data set: means and standard deviations over seeds, and those of real series."""
    keys: dict[str, Any] = {**parse_dataset(dataset)}
    reference = Reference(Data(**keys), RunOptions())
    train = reference.load("train")
    x = np.asarray(train.arrays["x"], np.float64)
    n = reference.default_samples()
    found = []
    for name, draw in BASELINES.items():
        scored: list[Any] = []
        for seed in seeds:
            fake = torch.from_numpy(draw(x, n, np.random.RandomState(seed)).astype(np.float32))
            if train.spec.range is not None:
                fake = fake.clamp(*train.spec.range)
            samples = reference.samples(fake, None, Request(), seed)
            scored.append(score(samples, registry.metrics().values(), with_real=not scored))
        found.append({"dataset": dataset, "of": name, "samples": n, "scores": over_seeds(scored)})
    return found


def over_seeds(scored: list[Scores]) -> dict[str, dict[str, float | None]]:
    """Mean, standard deviation and the value of real data of each score."""
    found: dict[str, dict[str, float | None]] = {}
    for first in scored[0].scores:
        values = [item.value for scores in scored for item in scores.scores if item.name == first.name]
        spread = statistics.stdev(values) if len(values) > 1 else None
        found[first.name] = {"mean": statistics.fmean(values), "std": spread, "real": first.real}
    return found


def of_run(path: Path) -> dict[str, Any]:
    """The scores of a run."""
    run = ganzoo.load(path)
    scores = ganzoo.evaluate(run)
    name = f"{run.info['variant']}, seed {run.recipe.seed}"
    return {"dataset": run.data.name, "of": name, "scores": over_seeds([scores])}


if __name__ == "__main__":
    main()
