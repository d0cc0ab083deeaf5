"""Scores of trained runs on a table beside those of two simple baselines and of real rows.

python -m benchmarks.tables DATASET [RUN ...] [--seeds 0 1 2] [--set KEY=VALUE ...] [--csv FOLDER]

DATASET is breast-cancer, wine or a .csv file. The baselines are drawn with each of the seeds, the runs are scored as by
`ganzoo eval`; rows of runs of the same variant are means over them. --csv writes the baselines' rows there.

- columns: each column drawn from the training rows by itself. What it lacks is what a generator has to learn.
- copula: a Gaussian copula, which has the columns' own distributions and the correlations of their normal scores.

Results are written to benchmarks/results/tables-DATASET.json.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import ndtr, ndtri

import ganzoo
from benchmarks import results
from ganzoo.data.dataset import Dataset
from ganzoo.data.paths import data_root
from ganzoo.data.samples import Samples
from ganzoo.evaluation.scoring import score
from ganzoo.networks import row_parts
from ganzoo.recipes import Data, RunOptions
from ganzoo.zoo import registry
from ganzoo.zoo.datasets import load_data

NEEDS = "DATASET"

Groups = list[tuple[int, int]]
"""The numbers of a row that are drawn together: a value, or a choice."""


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    settings = dict(part.removeprefix("data.settings.").split("=", 1) for part in options.set)
    file = Path(options.dataset).suffix == ".csv"
    data = Data(name="table-csv" if file else options.dataset, path=options.dataset if file else "", settings=settings)
    train = load_data(data, RunOptions())
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for name, draw in BASELINES.items():
        for seed in options.seeds:
            x = draw(train, len(train), np.random.default_rng(seed))
            if options.csv:
                options.csv.mkdir(parents=True, exist_ok=True)
                registry.modality("table").write_file(x, train.spec, options.csv / f"{name}-{seed}.csv")
            scores = score(samples(x, train, data), registry.metrics().values())
            found[name].append({each.name: each.value for each in scores.scores})
            real = {each.name: each.real for each in scores.scores if each.real is not None}
    for path in options.runs:
        run = ganzoo.load(path)
        scores = ganzoo.evaluate(run)
        found[f"{run.info['variant']}.{run.info['recipe_name']}"].append({s.name: s.value for s in scores.scores})
    rows = {name: mean(each) for name, each in found.items()} | {"real rows": real}
    print(table(rows, {name: len(each) for name, each in found.items()}))
    name = Path(options.dataset).stem
    command = f"python -m benchmarks.tables {options.dataset if not data.path else 'FILE.csv'} RUN ..."
    print(f"wrote {results.write(f'tables-{name}', command, {'means': rows, 'seeds': dict(found)})}")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("dataset")
    made.add_argument("runs", nargs="*")
    made.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    made.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings of a .csv file")
    made.add_argument("--csv", type=Path, help="a folder for the baselines' rows")
    return made


def samples(x: torch.Tensor, train: Dataset, data: Data) -> Samples:
    """Rows to be scored like those of a run."""
    kind = registry.modality("table")
    return Samples(x, None, train.spec, data, data_root(), 0, lambda split: load_data(data, RunOptions(), split), kind)


def mean(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([each[name] for each in scores])) for name in scores[0]}


def table(rows: dict[str, dict[str, float]], counts: dict[str, int]) -> str:
    """A Markdown table: a row of scores for each generator."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for name, row in rows.items():
        values = [f"{row[each]:.3f}" if each in row else "" for each in names]
        seeds = f" ({counts[name]} seeds)" if counts.get(name, 1) > 1 else ""
        lines.append(f"| {name}{seeds} | " + " | ".join(values) + " |")
    return "\n".join(lines)


# The baselines


def independent_columns(train: Dataset, n: int, rng: np.random.Generator) -> torch.Tensor:
    """Rows `[n, D]` whose columns are drawn from the training rows one by one."""
    x = rows_of(train)
    drawn = np.empty((n, x.shape[1]), np.float32)
    for start, width in columns_of(train):
        drawn[:, start : start + width] = x[rng.integers(len(x), size=n), start : start + width]
    return torch.from_numpy(drawn)


def gaussian_copula(train: Dataset, n: int, rng: np.random.Generator) -> torch.Tensor:
    """Rows `[n, D]` of a Gaussian copula (Patki et al. 2016, The Synthetic Data Vault, section III).

    Values become normal scores by their ranks. The values of a choice, the most frequent first, are intervals of [0, 1]
    as long as they are frequent, and a row is a random place in its own.
    """
    x, groups = rows_of(train), groups_of(train)
    scores = np.stack([uniform_of(x[:, start : start + width], rng) for start, width in groups], 1)
    correlation = np.atleast_2d(np.corrcoef(ndtri(scores), rowvar=False))
    values, vectors = np.linalg.eigh(np.nan_to_num(correlation) + 1e-9 * np.eye(len(groups)))
    factor = vectors * np.sqrt(values.clip(0))
    drawn = ndtr(rng.standard_normal((n, len(groups))) @ factor.T)
    made = np.empty((n, x.shape[1]), np.float32)
    for at, (start, width) in enumerate(groups):
        made[:, start : start + width] = from_uniform(drawn[:, at], x[:, start : start + width])
    return torch.from_numpy(made)


def uniform_of(part: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Places strictly between 0 and 1 of the values `[N, 1]` or the one-hot choices `[N, K]` of all rows."""
    if part.shape[1] == 1:
        # Equal values are in a random order.
        order = np.lexsort((rng.random(len(part)), part[:, 0]))
        ranks = np.empty(len(part))
        ranks[order] = np.arange(len(part))
        return (ranks + 0.5) / len(part)
    order, ends = intervals(part)
    place = np.argsort(order)[part.argmax(1)]
    starts = np.r_[0, ends[:-1]]
    return (starts[place] + rng.random(len(part)) * (ends - starts)[place]).clip(1e-6, 1 - 1e-6)


def from_uniform(u: np.ndarray, part: np.ndarray) -> np.ndarray:
    """The values or choices `[n, K]` at places `u [n]` of the training rows' distribution."""
    if part.shape[1] == 1:
        return np.quantile(part[:, 0], u)[:, None]
    order, ends = intervals(part)
    place = np.searchsorted(ends, u, side="right").clip(max=len(ends) - 1)
    return np.eye(part.shape[1])[order[place]]


def intervals(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values of a choice, the most frequent first, and the ends of their intervals."""
    counts = part.sum(0)
    order = np.argsort(-counts, kind="stable")
    return order, np.cumsum(counts[order]) / counts.sum()


def rows_of(train: Dataset) -> np.ndarray:
    found: np.ndarray = train.batch(torch.arange(train.count))["x"].numpy()
    return found


def groups_of(train: Dataset) -> Groups:
    """The values and the choices of a row, in order."""
    values, choices = row_parts(train.spec)
    return sorted([(start, 1) for start in values] + choices)


def columns_of(train: Dataset) -> Groups:
    """The parts of each column: a number that may be missing is a value and a choice."""
    groups: Groups = []
    at = 0
    for column in train.spec.note["columns"]:
        number = "mean" in column
        width = (1 + 2 * (column["missing"] is not None)) if number else _choices(column)
        groups.append((at, width))
        at += width
    return groups


def _choices(column: dict[str, Any]) -> int:
    return len(column["values"]) + (column["missing"] is not None)


BASELINES: dict[str, Callable[[Dataset, int, np.random.Generator], torch.Tensor]] = {
    "columns": independent_columns,
    "copula": gaussian_copula,
}


if __name__ == "__main__":
    main()
