"""The user's own arrays: images or points in a NumPy .npz file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.common import check_points, check_request, image_dataset, point_dataset
from ganzoo.data.dataset import Dataset
from ganzoo.data.resize import CHUNK, prepare
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data

SAMPLES = ("x", "images", "arr_0")
LABELS = ("y", "labels")
CHANNELS = (1, 3, 4)

TOLERANCE = 1e-3
"""How far a floating-point image may exceed its range due to rounding."""


def load(data: Data, root: Path, split: str) -> Dataset:
    """The samples of the .npz file at data.path, in memory.

    Samples are the array "x", else "images", else "arr_0", else the only array that does not hold labels:

    - uint8 images `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]`, C 1, 3 or 4; if both axes could be C, it is the last;
    - floating-point images of these shapes, in [0, 1], or in [-1, 1] if a training value is negative; stored as uint8;
    - floating-point points `[N, D]`, kept as float32 without scaling.

    Optional labels are integers `[N]` starting from 0, in "y" or "labels". "x_test" and "y_test" are the test split.
    data.size and data.channels convert images. `root` is not used. Nothing is ever unpickled.

    Raises GanzooError for anything else: a missing or damaged file, pickled objects, wrong shapes or types, values that
    are not finite or out of range, invalid labels, and split "test" without "x_test".
    """
    check_request("npz", data, split, argument="path")
    path = _path(data.path)
    arrays = _read(path, split)
    train, chosen = arrays["x"], arrays["x" if split == "train" else "x_test"]
    labels, classes = _labels(arrays, split, path)
    if train.ndim == 2:
        check_points("npz", data)
        points = torch.from_numpy(_points(chosen, path))
        _check_alike(chosen, train, path)
        return point_dataset("npz", points, data, labels=labels, classes=classes)
    signed = train.dtype.kind == "f" and bool((train < -TOLERANCE).any())
    images = _eight_bits(_channels_second(chosen, path), signed, path)
    _check_alike(images, _channels_second(train, path), path)
    return image_dataset("npz", prepare("npz", torch.from_numpy(images), data), data, labels=labels, classes=classes)


def _path(given: str) -> Path:
    if not given:
        raise GanzooError("npz needs a file: type --dataset npz:FILE.")
    path = Path(given).expanduser()
    if path.is_dir():
        raise GanzooError(f"{path} is a folder, not a .npz file: for a folder of images type --dataset folder:{path}.")
    if not path.exists():
        raise GanzooError(f"there is no file {path}: type --dataset npz:FILE.")
    # Reading would block on a pipe and never end on a device.
    if not path.is_file():
        raise GanzooError(f"{path} is not a file: type --dataset npz:FILE.")
    return path


def _read(path: Path, split: str) -> dict[str, np.ndarray]:
    """Those of the arrays x, y, x_test and y_test that exist; always x, and x_test for the test split."""
    try:
        file = np.load(path, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise _refusal(path, "it contains a single unnamed array; save it with np.savez(FILE, x=array)")
        with file:
            names = {"x": _find_samples(file.files, path), "x_test": "x_test", "y_test": "y_test"}
            names["y"] = next((name for name in LABELS if name in file.files), "y")
            arrays = {to: file[name] for to, name in names.items() if name in file.files}
    except GanzooError:
        raise
    except Exception as error:  # zip, zlib, header and pickle errors of a damaged file or another format
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise _refusal(path, f"it cannot be read as a .npz file of plain arrays ({reason})") from error
    if split == "test" and "x_test" not in arrays:
        raise _refusal(path, "it has no test split; save one with np.savez(FILE, x=..., x_test=...)")
    for name in ("x", "x_test"):
        if name in arrays and (arrays[name].ndim == 0 or arrays[name].size == 0):
            raise _refusal(path, f"{name} contains no samples")
    return arrays


def _find_samples(names: Sequence[str], path: Path) -> str:
    for name in SAMPLES:
        if name in names:
            return name
    others = [name for name in names if name not in (*LABELS, "x_test", "y_test")]
    if len(others) == 1:
        return others[0]
    problem = f"none of its arrays ({', '.join(names)}) is named x" if names else "it contains no array"
    raise _refusal(path, f"{problem}; save it with np.savez(FILE, x=array)")


def _labels(arrays: dict[str, np.ndarray], split: str, path: Path) -> tuple[Tensor | None, int]:
    """The split's labels, int64 `[N]` or None, and the number of classes, which the training labels determine."""
    if "y" not in arrays:
        return None, 0
    train = _checked_labels(arrays["y"], len(arrays["x"]), "the labels", path)
    classes = int(train.max()) + 1
    if classes > len(train):
        raise _refusal(path, f"the highest label is {classes - 1} for {len(train)} samples; number the classes from 0")
    if split == "train":
        return train, classes
    if "y_test" not in arrays:
        return None, 0
    test = _checked_labels(arrays["y_test"], len(arrays["x_test"]), "y_test", path)
    if int(test.max()) >= classes:
        raise _refusal(path, f"y_test has label {int(test.max())}, which no training sample has")
    return test, classes


def _checked_labels(labels: np.ndarray, count: int, what: str, path: Path) -> Tensor:
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise _refusal(path, f"{what} are {labels.dtype} {list(labels.shape)}; they must be integers [{count}]")
    if len(labels) != count:
        raise _refusal(path, f"{what}: {len(labels)} for {count} samples; there must be one per sample")
    if labels.min() < 0:
        raise _refusal(path, f"{what} go down to {labels.min()}; number the classes from 0")
    return torch.from_numpy(labels.astype(np.int64))


def _points(values: np.ndarray, path: Path) -> np.ndarray:
    """Points as float32 `[N, D]`."""
    if values.dtype.kind != "f":
        raise _refusal(
            path, f"samples {values.dtype} {list(values.shape)} are not images, and points must be float [N, D]"
        )
    with np.errstate(over="ignore"):
        points = values.astype(np.float32)
    if not np.isfinite(points).all():
        raise _refusal(path, "it contains values that are not finite (NaN, infinite, or too large for float32)")
    return points


def _channels_second(values: np.ndarray, path: Path) -> np.ndarray:
    """Images of any accepted layout as `[N, C, H, W]`."""
    if values.ndim == 3:
        return values[:, None]
    if values.ndim == 4 and values.shape[3] in CHANNELS:
        return values.transpose(0, 3, 1, 2)
    if values.ndim == 4 and values.shape[1] in CHANNELS:
        return values
    raise _refusal(
        path,
        f"samples of shape {list(values.shape)} are neither images ([N, H, W], or [N, H, W, C] or [N, C, H, W] "
        "with 1, 3 or 4 channels) nor points ([N, D])",
    )


def _eight_bits(images: np.ndarray, signed: bool, path: Path) -> np.ndarray:
    """Images as uint8, from [0, 255], [0, 1] or (signed) [-1, 1]."""
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    if images.dtype.kind != "f":
        raise _refusal(path, f"images of type {images.dtype} are not supported; save them as uint8 (0 to 255)")
    low, high = images.min(), images.max()
    lowest = -1 if signed else 0
    # Written so that NaN, for which comparisons are false, is refused too.
    if not (low >= lowest - TOLERANCE and high <= 1 + TOLERANCE):
        raise _refusal(
            path, f"its images range from {low:g} to {high:g}; floats must be in [0, 1] or [-1, 1]; otherwise use uint8"
        )
    out = np.empty(images.shape, np.uint8)
    for at in range(0, len(images), CHUNK):
        chunk = images[at : at + CHUNK].astype(np.float32)
        out[at : at + CHUNK] = np.rint(((chunk + 1) / 2 if signed else chunk) * 255).clip(0, 255)
    return out


def _check_alike(chosen: np.ndarray, train: np.ndarray, path: Path) -> None:
    if chosen.shape[1:] != train.shape[1:]:
        raise _refusal(path, f"x_test has samples of shape {list(chosen.shape[1:])}, x of {list(train.shape[1:])}")


def _refusal(path: Path, what: str) -> GanzooError:
    return GanzooError(f"{path} cannot be used: {what}.")
