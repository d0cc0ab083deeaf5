"""The user's own arrays: images or points in a NumPy .npz or .npy file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.array_files import Arrays, find, read, refusal
from ganzoo.data.common import check_points, check_request, image_dataset, point_dataset
from ganzoo.data.dataset import Dataset
from ganzoo.data.levels import Levels, infer, requested, scale
from ganzoo.data.resize import prepare
from ganzoo.errors import GanzooError
from ganzoo.recipes import LAYOUTS, Data, DataSpec

CHANNELS = (1, 3, 4)

HIGHEST = 2**63 - 1
"""The highest label that an int64 holds; unsigned ones above it would wrap around."""

AXES = {"NHW": (0, 1, 2), "NHWC": (0, 3, 1, 2), "NCHW": (0, 1, 2, 3), "HW": (0, 1), "HWC": (2, 0, 1), "CHW": (0, 1, 2)}
"""For each layout, its axes in the order N, C, H, W, of those that it has."""


def load(data: Data, root: Path, split: str) -> Dataset:
    """The samples of the .npz or .npy file at data.path, in memory; `array_files` says which arrays they are.

    Images are `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]`, C 1, 3 or 4, or as data.layout says; their values are
    scaled to uint8 by data.low and data.high, else as `levels.infer` says of the training samples. Floats `[N, D]` are
    points, kept as float32 without scaling. A file that says what kind of samples it holds, as `ganzoo sample --npz`
    writes it, is read as that kind, and kept as it is unless these are images. Labels are integers or text, `[N]` or
    `[N, 1]`; those that are not 0 to K-1 become the names of the classes. data.size and data.channels convert images.
    `root` is not used. `notes` of the data set say what was understood.

    Raises GanzooError for anything else: a missing or damaged file, pickled objects, wrong shapes or types, values that
    are not finite, axes or values that could mean several things, invalid labels, and split "test" without test
    samples.
    """
    check_request("npz", data, split, argument="path")
    path = find(data.path)
    arrays = read(path, split)
    train, chosen = arrays.found["x"], arrays.found["x" if split == "train" else "x_test"]
    if arrays.described.get("modality", "image") not in ("image", "points"):
        return _as_described(arrays, split, data, path)
    if train.ndim == 2 and data.layout == "auto":
        check_points("npz", data)
        points = torch.from_numpy(_points(chosen, path))
        _check_alike(chosen, train, arrays, path)
        labels, classes, names = _labels(arrays, split, len(train), data, path)
        notes = _notes(arrays, names)
        whole = _undivided(arrays, len(points))
        return point_dataset(
            "npz", points, data, labels=labels, classes=classes, class_names=names, notes=notes, undivided=whole
        )
    layout = _layout(train.shape, data.layout, path)
    images = _channels_second(chosen, layout, path)
    _check_alike(images, _channels_second(train, layout, path), arrays, path)
    levels, why = _levels(train, data, path)
    _check_finite(chosen, path)
    labels, classes, names = _labels(arrays, split, 1 if "N" not in layout else len(train), data, path)
    eight_bits = torch.from_numpy(scale(images, levels))
    note = f"{arrays.names['x']} {list(train.shape)} {train.dtype} read as {layout}; {why}: {levels}"
    return image_dataset(
        "npz",
        prepare("npz", eight_bits, data),
        data,
        labels=labels,
        classes=classes,
        class_names=names,
        notes=(note, *_notes(arrays, names)),
        levels=levels,
        undivided=_undivided(arrays, len(eight_bits)),
    )


def _undivided(arrays: Arrays, count: int) -> Tensor | None:
    """The class of each sample of a file without test samples, as `Dataset.undivided`."""
    if "x_test" in arrays.found:
        return None
    y = arrays.found.get("y")
    if y is None or y.size != count or y.dtype.kind not in "iuUS":
        return torch.zeros(count, dtype=torch.int64)
    return torch.from_numpy(np.unique(y.ravel(), return_inverse=True)[1].astype(np.int64))


def _as_described(arrays: Arrays, split: str, data: Data, path: Path) -> Dataset:
    """Samples of the kind that the file names, as they are."""
    train, chosen = arrays.found["x"], arrays.found["x" if split == "train" else "x_test"]
    kind = arrays.described["modality"]
    if chosen.dtype.kind not in "biuf":
        raise refusal(path, f"samples of type {chosen.dtype} are not supported; save numbers")
    if chosen.dtype.kind == "f" and not np.isfinite(chosen).all():
        raise refusal(path, "its samples contain values that are not finite (nan or infinite)")
    given = [name for name in ("size", "channels", "low", "high", "length", "rate") if getattr(data, name) is not None]
    if given:
        raise GanzooError(f"{path} holds {kind} data, which take no data.{given[0]}: leave it out.")
    _check_alike(chosen, train, arrays, path)
    labels, classes, names = _labels(arrays, split, len(train), data, path)
    spec = DataSpec(
        "npz",
        kind,
        tuple(chosen.shape[1:]),
        classes,
        class_names=names or (tuple(arrays.described["class_names"]) if classes else ()),
        range=arrays.described["range"],
        note=arrays.described["note"],
    )
    # Floats of double precision would make networks and losses so.
    samples = torch.from_numpy(chosen.astype(np.float32) if chosen.dtype.kind == "f" else np.ascontiguousarray(chosen))
    arrays_of_kind = {"x": samples, **({} if labels is None else {"y": labels})}
    return Dataset(arrays_of_kind, spec, notes=_notes(arrays, names), undivided=_undivided(arrays, len(samples)))


def _notes(arrays: Arrays, names: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    if names:
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        notes.append(f"the labels in {arrays.names['y']} are the names of the classes: {shown}")
    if arrays.unused:
        notes.append(f"not used: {', '.join(arrays.unused)}")
    return tuple(notes)


def _labels(
    arrays: Arrays, split: str, count: int, data: Data, path: Path
) -> tuple[Tensor | None, int, tuple[str, ...]]:
    """The split's labels, int64 `[N]` or None, and the number of classes, which the training labels determine.

    Labels other than 0 to K-1 are also the names of the classes.
    """
    found = arrays.found
    if "y" not in found or not data.labels:
        return None, 0, ()
    train = _checked_labels(found["y"], count, "the labels", path)
    values = np.unique(train)
    if train.dtype.kind != "U":
        highest, contiguous = int(values[-1]), int(values[-1] - values[0]) == len(values) - 1
        if highest >= count and not contiguous:
            raise refusal(path, f"the highest label is {highest} for {count} samples; number the classes from 0")
    numbered = train.dtype.kind != "U" and int(values[-1]) == len(values) - 1
    names = () if numbered else tuple(str(value) for value in values)
    if split == "train":
        return torch.from_numpy(np.searchsorted(values, train)), len(values), names
    if "y_test" not in found:
        return None, 0, ()
    test = _checked_labels(found["y_test"], len(found["x_test"]), arrays.names["y_test"], path)
    unknown = ~np.isin(test, values)
    if unknown.any():
        raise refusal(path, f"{arrays.names['y_test']} has label {test[unknown].max()}, which no training sample has")
    return torch.from_numpy(np.searchsorted(values, test)), len(values), names


def _checked_labels(labels: np.ndarray, count: int, what: str, path: Path) -> np.ndarray:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind not in "iuUS" or labels.ndim != 1:
        wrong = f"{what} are {labels.dtype} {list(labels.shape)}; they must be integers or text [{count}]"
        raise refusal(path, f"{wrong}, or use --set data.labels=false")
    if len(labels) != count:
        raise refusal(path, f"{what}: {len(labels)} for {count} samples; there must be one per sample")
    if labels.dtype.kind in "US":
        return np.char.decode(labels, "utf-8", "replace") if labels.dtype.kind == "S" else labels
    if labels.min() < 0:
        raise refusal(path, f"{what} go down to {labels.min()}; number the classes from 0")
    if labels.max() > HIGHEST:
        raise refusal(path, f"{what} go up to {labels.max()}, above {HIGHEST}; number the classes from 0")
    return labels.astype(np.int64)


def _points(values: np.ndarray, path: Path) -> np.ndarray:
    """Points as float32 `[N, D]`."""
    if values.dtype.kind != "f":
        raise refusal(
            path, f"samples {values.dtype} {list(values.shape)} are not images, and points must be float [N, D]"
        )
    with np.errstate(over="ignore"):
        points = values.astype(np.float32)
    if not np.isfinite(points).all():
        raise refusal(path, "it contains values that are not finite (NaN, infinite, or too large for float32)")
    return points


def _layout(shape: tuple[int, ...], wanted: str, path: Path) -> str:
    """The axes of images of a shape, one of LAYOUTS. Raises GanzooError if they could mean several things."""
    if wanted not in LAYOUTS:
        raise GanzooError(f"data.layout: {wanted!r} is none of {', '.join(LAYOUTS)}.")
    if wanted != "auto":
        if len(shape) != len(wanted) or ("C" in wanted and shape[wanted.index("C")] not in CHANNELS):
            raise refusal(path, f"samples of shape {list(shape)} are not {wanted}: change data.layout")
        return wanted
    if len(shape) == 3:
        height, width, last = shape
        if last in CHANNELS and min(height, width) > last:
            one = f"one picture of {height}x{width} (data.layout=HWC) or {height} pictures of {width}x{last}"
            raise refusal(path, f"its shape {list(shape)} could be {one} (data.layout=NHW); set data.layout")
        return "NHW"
    if len(shape) == 4:
        _, a, b, c = shape
        fitting = [name for name, channels in (("NHWC", c), ("NCHW", a)) if channels in CHANNELS]
        if len(fitting) == 1:
            return fitting[0]
        square = [name for name in fitting if (a == b if name == "NHWC" else b == c)]
        if len(square) == 1:
            return square[0]
        if fitting:
            both = f"{a}x{b} with {c} channels (data.layout=NHWC) or {b}x{c} with {a} (data.layout=NCHW)"
            raise refusal(path, f"its shape {list(shape)} could be pictures of {both}; set data.layout")
    raise _no_images(shape, path)


def _no_images(shape: tuple[int, ...], path: Path) -> GanzooError:
    return refusal(
        path,
        f"samples of shape {list(shape)} are neither images ([N, H, W], or [N, H, W, C] or [N, C, H, W] "
        "with 1, 3 or 4 channels) nor points ([N, D])",
    )


def _channels_second(values: np.ndarray, layout: str, path: Path) -> np.ndarray:
    """Images of a layout as `[N, C, H, W]`."""
    if values.ndim != len(layout):
        raise _no_images(values.shape, path)
    values = values.transpose(AXES[layout])
    values = values if "N" in layout else values[None]
    return values if "C" in layout else values[:, None]


def _levels(train: np.ndarray, data: Data, path: Path) -> tuple[Levels, str]:
    """What is black and white in the training samples, and why."""
    if train.dtype.kind not in "biuf":
        raise refusal(path, f"images of type {train.dtype} are not supported; save them as uint8 (0 to 255)")
    _check_finite(train, path)
    chosen = requested(data, "npz")
    if chosen is not None:
        return chosen, "data.low and data.high"
    return infer(str(path), train.dtype, float(train.min()), float(train.max()))


def _check_finite(images: np.ndarray, path: Path) -> None:
    if images.dtype.kind not in "biuf":
        raise refusal(path, f"images of type {images.dtype} are not supported; save them as uint8 (0 to 255)")
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise refusal(path, "its images contain values that are not finite (nan or infinite)")


def _check_alike(chosen: np.ndarray, train: np.ndarray, arrays: Arrays, path: Path) -> None:
    if chosen.shape[1:] != train.shape[1:]:
        shapes = list(chosen.shape[1:]), list(train.shape[1:])
        raise refusal(
            path, f"{arrays.names['x_test']} has samples of shape {shapes[0]}, {arrays.names['x']} of {shapes[1]}"
        )
