"""Stacked MNIST: three random digits as the channels of one image, so that the covered modes can be counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.common import check_request, image_dataset
from ganzoo.data.dataset import Dataset
from ganzoo.data.images import vision
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data

NAME = "stacked-mnist"
DIGITS = 3
SCORED = 26_000
"""Number of samples that are scored by convention: 26 for each mode."""

MODES = 10**DIGITS
COUNTS = {"train": 128_000, "test": 26_000}
SEEDS = {"train": 20_170_522, "test": 20_170_523}


class Stacks:
    """Images uint8 `[N, 3, H, W]`, composed when they are gathered, as each digit occurs in many of them.

    digits: uint8 `[M, H, W]`. rows: indices of the three digits of each image, int64 `[N, 3]`.
    Indexed like a memory-mapped array: by a slice or by an array of indices.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, digits: np.ndarray, rows: np.ndarray) -> None:
        self.digits, self.rows = digits, rows
        self.shape = (*rows.shape, *digits.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> np.ndarray:
        images: np.ndarray = self.digits[self.rows[index]]
        return images


def load(data: Data, root: Path, split: str) -> Dataset:
    """Stacks of three MNIST digits, `[3, 28, 28]`: 128,000 of the training digits, 26,000 of the test digits.

    The digits are drawn uniformly and independently, always the same ones. The 1,000 classes are 100 r + 10 g + b for
    the digits r, g and b in the red, green and blue channel. data.size resizes the digits. Raises GanzooError if MNIST
    is not in `root` and cannot be downloaded, and for a kind, a path, an unknown split, or channels other than 3.
    Source: Metz et al. 2017, section 3.3.1, https://arxiv.org/abs/1611.02163; the numbers are those of Lin et al. 2018,
    PacGAN, https://arxiv.org/abs/1712.04086.
    """
    check_request(NAME, data, split)
    if data.channels not in (None, DIGITS):
        raise GanzooError(f"{NAME} has one digit in each of its {DIGITS} channels: leave out data.channels.")
    digits = load_digits(data, root, split)
    # NumPy guarantees the stream of RandomState; that of default_rng may change, and the data set with it.
    rows = np.random.RandomState(SEEDS[split]).randint(digits.count, size=(COUNTS[split], DIGITS), dtype=np.int64)
    images = Stacks(np.asarray(digits.arrays["x"])[:, 0], rows)
    labels = stack_class(torch.as_tensor(digits.arrays["y"])[rows])
    return image_dataset(NAME, images, data, labels=labels, classes=MODES)


def load_digits(data: Data, root: Path, split: str) -> Dataset:
    """MNIST with labels, resized as the stacks of `data` are. Raises what loading MNIST raises."""
    return vision.load("mnist", Data(name="mnist", size=data.size), root, split)


def stack_class(labels: Tensor) -> Tensor:
    """Classes 0 to 999, int64 `[N]`, of the digits in the three channels, int64 `[N, 3]`."""
    return labels @ torch.tensor([100, 10, 1])
