"""AUROC and average precision of runs on data with anomalies, beside those of two simple baselines on the same images.

    python -m benchmarks.anomalies RUN...

The baselines see the pixels of the training images, scaled as for the networks: the squared error of reconstruction
from the principal components that explain 90 % of their variance, and the squared distance to the nearest of them. All
runs must have been trained on the same data.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import average_precision_score, roc_auc_score

from ganzoo.data.dataset import Dataset
from ganzoo.recipes import RunOptions
from ganzoo.runs import judging
from ganzoo.runs.run import Run
from ganzoo.zoo.datasets import load_data

NEEDS = "runs"
VARIANCE = 0.9
ROWS = 256
"""Images whose distances are computed at a time."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--data-root")
    given = parser.parse_args(arguments)
    runs = [Run.open(path) for path in given.runs]
    options = RunOptions(data_root=given.data_root)
    train, test = (load_data(runs[0].recipe.data, options, split) for split in ("train", "test"))
    normal, odd = rows(test, "x"), rows(test, "anomalies")
    x, is_odd = torch.cat([normal, odd]), np.arange(len(normal) + len(odd)) >= len(normal)
    print(f"{train.count} normal images to train on; {len(normal)} normal and {len(odd)} anomalous ones to test on")
    for name, scores in baselines(flat(rows(train, "x")), flat(x)).items():
        show(name, is_odd, scores)
    for run in runs:
        scores = judging.anomaly_scores(run.gan, run.info["variant"], x).numpy()
        show(str(run.path), is_odd, scores)
    return 0


def rows(dataset: Dataset, name: str) -> torch.Tensor:
    return dataset.batch(torch.arange(len(dataset.arrays[name])))[name]


def flat(x: torch.Tensor) -> np.ndarray:
    return x.flatten(1).numpy()


def baselines(train: np.ndarray, x: np.ndarray) -> dict[str, np.ndarray]:
    """Anomaly scores of images `x [N, D]` by two methods that know the normal images `train [M, D]`."""
    components = PCA(VARIANCE, random_state=0).fit(train)
    error = np.square(components.inverse_transform(components.transform(x)) - x).mean(1)
    return {f"PCA, {VARIANCE:.0%} of the variance": error, "nearest neighbour": nearest(train, x)}


def nearest(train: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The squared distance of each of `x [N, D]` to the nearest of `train [M, D]`."""
    lengths = np.square(train).sum(1)
    parts = [x[at : at + ROWS] for at in range(0, len(x), ROWS)]
    return np.concatenate([(np.square(part).sum(1)[:, None] - 2 * part @ train.T + lengths).min(1) for part in parts])


def show(name: str, is_odd: Any, scores: np.ndarray) -> None:
    print(f"{roc_auc_score(is_odd, scores):.4f}  {average_precision_score(is_odd, scores):.4f}  {name}")


if __name__ == "__main__":
    raise SystemExit(main())
