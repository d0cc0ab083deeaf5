"""Whether samples of a conditional GAN help a classifier that has few labels, beside shifted copies of the images.

python -m benchmarks.more_data [--runs FOLDER] [--seeds 0 1 2] [--steps N]

Of the 1,438 training images of the handwritten digits, 1 % and 10 % are kept, as many of each class. A conditional GAN
is trained on these alone, with and without differentiable augmentation, and draws 100 samples of each class. A support
vector classifier is trained on the real images, on the samples, on both, and on the real images with copies shifted by
a pixel, and is tested on the 359 held-out images. Numbers are written to benchmarks/results/more_data.json. Runs are
kept in --runs, and a second start goes on with them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import results
from benchmarks.claims.setting import SHIFTS, Setting
from ganzoo.data.dataset import to_uint8
from ganzoo.recipes import Data, RunOptions
from ganzoo.zoo.datasets import load_data

NEEDS = "ten minutes"
RECIPE = "conditional.digits"
FRACTIONS = (0.01, 0.1)
OF_EACH_CLASS = 100
STEPS = 3000
WAYS: dict[str, dict[str, Any]] = {"conditional": {}, "conditional, DiffAugment": SHIFTS}
Images = tuple[np.ndarray, np.ndarray]
"""uint8 `[N, H, W]` and class numbers `[N]`."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/more-data"))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, help="instead of its own, to try the script")
    given = parser.parse_args(arguments)
    setting = Setting(given.runs, None, tuple(given.seeds), given.steps)
    results.write("more_data", "python -m benchmarks.more_data", measure(setting))


def measure(setting: Setting) -> dict[str, Any]:
    """The accuracy of each way on each fraction, and of all training images, for each seed."""
    train, test = digits("train"), digits("test")
    rows: list[dict[str, Any]] = []
    for fraction in FRACTIONS:
        for seed in setting.seeds:
            few = part(train, fraction, seed)
            found = {"real": accuracy(few, test), "real, shifted": accuracy(with_shifts(few), test)}
            for way, keys in WAYS.items():
                made = samples(setting, f"{way} {fraction}", few, seed, keys)
                found |= {way: accuracy(made, test), f"real + {way}": accuracy(joined(few, made), test)}
            rows.append({"fraction": fraction, "images": len(few[0]), "seed": seed, "accuracy": found})
            print(rows[-1], flush=True)
    return {"recipe": RECIPE, "steps": setting.steps or STEPS, "all": accuracy(train, test), "rows": rows}


def digits(split: str) -> Images:
    """The handwritten digits of a split."""
    read = load_data(Data(name="digits"), RunOptions(), split)
    return np.asarray(read.arrays["x"])[:, 0], np.asarray(read.arrays["y"])


def part(images: Images, fraction: float, seed: int) -> Images:
    """A random part of the images, another for each seed, which data.fraction is not; as many of each class."""
    x, y = images
    random = np.random.default_rng(seed)
    of_each = max(1, round(fraction * len(x) / len(np.unique(y))))
    chosen = np.concatenate([random.choice(np.flatnonzero(y == label), of_each, False) for label in np.unique(y)])
    return x[chosen], y[chosen]


def with_shifts(images: Images) -> Images:
    """The images, and copies of them shifted by a pixel in each of the eight directions; the border is black."""
    x, y = images
    moves = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    height, width = x.shape[1:]
    shifted = [padded[:, 1 + a : 1 + a + height, 1 + b : 1 + b + width] for a, b in moves]
    return np.concatenate(shifted), np.tile(y, len(moves))


def joined(*parts: Images) -> Images:
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def samples(setting: Setting, name: str, few: Images, seed: int, keys: Mapping[str, Any]) -> Images:
    """Samples of each class from a GAN that was trained on a few images."""
    file = setting.folder / f"few-{len(few[0])}-{seed}.npz"
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        np.savez(file, x=few[0], y=few[1])
    own = {"data.name": "npz", "data.path": str(file.resolve()), "data.held_out": 0, "batch": min(64, len(few[0]))}
    run = setting.train(name.replace(" ", "-").replace(",", ""), RECIPE, seed, {**own, **keys}, STEPS)
    classes = run.data.classes
    labels = torch.arange(classes).repeat_interleave(OF_EACH_CLASS)
    made = run.sample(len(labels), labels=labels, seed=seed)
    return to_uint8(made[:, 0]).numpy(), labels.numpy()


def accuracy(train: Images, test: Images) -> float:
    """The accuracy on `test` of a support vector classifier that was trained on `train`."""
    from sklearn.svm import SVC

    classifier = SVC(C=10.0, gamma="scale").fit(flat(train[0]), train[1])
    return float(classifier.score(flat(test[0]), test[1]))


def flat(x: np.ndarray) -> np.ndarray:
    """Images as rows of numbers from 0 to 1."""
    rows: np.ndarray = x.reshape(len(x), -1) / 255
    return rows


if __name__ == "__main__":
    main()
