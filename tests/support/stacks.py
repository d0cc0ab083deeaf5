"""A substitute for MNIST: its four files, with a few digits that are easy to distinguish."""

from __future__ import annotations

from pathlib import Path

import numpy as np

COUNTS = {"train": 300, "test": 100}
MARK = {"train": 100, "test": 200}


def write_mnist(root: Path) -> Path:
    """Write MNIST's files under `root`, and return it: digit k is a bright block at the k-th of ten positions.

    The first pixel is 20 k and the second identifies the split, so that the origin of a stack's channel can be read.
    """
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for split, prefix in (("train", "train"), ("test", "t10k")):
        labels = (np.arange(COUNTS[split]) % 10).astype(np.uint8)
        _write_idx(folder / f"{prefix}-images-idx3-ubyte", digits(labels, MARK[split]))
        _write_idx(folder / f"{prefix}-labels-idx1-ubyte", labels)
    return root


def digits(labels: np.ndarray, mark: int = 0) -> np.ndarray:
    """Digits uint8 `[N, 28, 28]`."""
    images = np.zeros((len(labels), 28, 28), np.uint8)
    brightness = np.random.RandomState(0).randint(150, 256, size=len(labels))
    for image, label, bright in zip(images, labels, brightness, strict=True):
        top, left = 4 + 5 * (label % 5), 14 * (label // 5)
        image[top : top + 4, left + 1 : left + 13] = bright
        image[0, :2] = 20 * label, mark
    return images


def _write_idx(path: Path, values: np.ndarray) -> None:
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    path.write_bytes(header + values.tobytes())
