"""scikit-learn's handwritten digits: small enough to train on in a minute, and no download."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import torch

from ganzoo.data.common import check_request, file_of_scikit_learn, image_dataset
from ganzoo.data.dataset import Dataset
from ganzoo.data.resize import prepare
from ganzoo.recipes import Data

TRAIN_FRACTION = 0.8
CLASS_NAMES = tuple("0123456789")


def load(data: Data, root: Path, split: str) -> Dataset:
    """The digits, `[1, 8, 8]`, 10 classes: 1,438 for training, 359 for testing (at random, always the same).

    `root` is not used. Raises GanzooError for a kind, a path, an unknown split, or channels other than 1 and 3.
    Source: Alpaydin & Kaynak 1998, https://doi.org/10.24432/C50P49 (its test set, as included in scikit-learn).
    """
    check_request("digits", data, split)
    values, labels = _read()
    rows = _rows(len(labels), split)
    # The original values count the inked pixels in 4x4 blocks: 0 to 16.
    pixels = np.rint(values[rows] * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    images = prepare("digits", torch.from_numpy(pixels), data)
    return image_dataset("digits", images, data, labels=torch.from_numpy(labels[rows]), class_names=CLASS_NAMES)


def _read() -> tuple[np.ndarray, np.ndarray]:
    """Pixel counts `[1797, 64]` and labels `[1797]`, from scikit-learn's file, as importing it takes seconds."""
    file = file_of_scikit_learn("data/digits.csv.gz")
    if file is not None:
        with gzip.open(file, "rt", encoding="ascii") as lines:
            table = np.loadtxt(lines, delimiter=",")
        return table[:, :-1], table[:, -1].astype(np.int64)
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    return values, labels


def _rows(count: int, split: str) -> np.ndarray:
    # Not a fraction of each class: a stratified test split varies less than samples do, which biases the kernel
    # distance of real data. NumPy guarantees the stream of RandomState; that of default_rng may change.
    order = np.random.RandomState(0).permutation(count)
    cut = round(TRAIN_FRACTION * count)
    return np.sort(order[:cut] if split == "train" else order[cut:])
