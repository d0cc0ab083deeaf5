"""Data of a normal and an anomalous part.

The training split holds normal images only. The test split holds held-out normal images as "x", so that all scores of
samples compare with these, and the anomalous ones as a group of their own, "anomalies".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.common import check_request
from ganzoo.data.dataset import Array, Dataset, take_rows
from ganzoo.errors import GanzooError, unknown
from ganzoo.files.typed import typed_path
from ganzoo.recipes import Data, DataSpec
from ganzoo.zoo import registry

HELD_OUT_EVERY = 5
"""Of data without a test split, every fifth normal image is held out."""

NORMAL_NAMES = ("normal", "good", "ok", "healthy")
"""Names of classes that are normal if the user names none."""


def one_class(data: Data, root: Path, split: str) -> Dataset:
    """Some classes of a registered image data set: data.kind is its name, or NAME:CLASS,CLASS with the normal ones.

    Without classes, the first half of them is normal; without a name, it is digits. Raises GanzooError for a data set
    that is not registered, has no labels or no test split or other data than images, and for unknown classes.
    """
    check_request("one-class", data, split, argument="kind")
    name, _, wanted = (data.kind or "digits").partition(":")
    spec = registry.datasets().find(name)
    if spec.argument == "path":
        raise GanzooError(f"one-class:{name} reads no files of your own: type --dataset normal-images:PATH.")
    if spec.modality != "image" or not (spec.labelled and spec.test) or name == "one-class":
        raise GanzooError(f"one-class needs images with labels and a test split, which {name} has not.")
    inner = dataclasses.replace(data, name=name, kind="", labels=True)
    train = spec.load(inner, root, "train")
    names = _names(train)
    normal = _chosen(wanted, names) or list(range(max(1, len(names) // 2)))
    if len(normal) == len(names):
        raise GanzooError(f"one-class: all classes of {name} are named as normal: leave one out.")
    source = train if split == "train" else spec.load(inner, root, "test")
    return _parts("one-class", source, normal, names, data, split, note={"of": name})


def normal_images(data: Data, root: Path, split: str) -> Dataset:
    """The user's own images in a folder or a .npz file (MedMNIST's names too); data.kind names the normal classes.

    - Without labels: all are normal, and there are no anomalies.
    - With labels: data.kind names the normal classes, separated by commas. Without it, these are the classes called
      normal, good, ok or healthy, else the first one.
    - A folder train/CLASS beside test/CLASS, test/ANOMALY, ...: as of MVTec AD.

    Without a test split, every fifth normal image is held out, and all images of other classes are anomalies. Raises
    GanzooError for what the data sets folder and npz cannot read, and for unknown classes.
    """
    check_request("normal-images", dataclasses.replace(data, kind=""), split, argument="path")
    if not data.path:
        raise GanzooError("normal-images needs a folder or an .npz file: type --dataset normal-images:PATH.")
    path = typed_path(data.path)
    reader = "folder" if path.is_dir() or path.suffix not in (".npz", ".npy") else "npz"
    load = registry.datasets().find(reader).load
    inner = dataclasses.replace(data, name=reader, kind="", labels=True)
    if reader == "folder" and _is_inspection(path):
        return _inspection(path, inner, data, root, split)
    train = load(inner, root, "train")
    if train.spec.modality != "image":
        raise GanzooError(f"{path} has {train.spec.modality} data, and normal-images takes images.")
    if not train.spec.classes:
        if data.kind:
            raise GanzooError(f"{path} has no labels, so all its images are normal: leave out data.kind.")
        return _without_labels(path, train, load, inner, data, root, split)
    names = _names(train)
    normal = _chosen(data.kind, names) or _normal_by_name(names)
    note = {"of": reader}
    try:
        test: Dataset | None = load(inner, root, "test")
    except GanzooError:
        test = None
    if test is None or "y" not in test.arrays:
        return _held_out("normal-images", train, normal, names, data, split, note)
    return _parts("normal-images", train if split == "train" else test, normal, names, data, split, note)


def _is_inspection(path: Path) -> bool:
    """Whether a folder is laid out as MVTec AD is: train/CLASS alone, beside test with several classes."""
    inside = {part: _subfolders(path / part) for part in ("train", "test")}
    return len(inside["train"]) == 1 and len(inside["test"]) > 0


def _subfolders(path: Path) -> list[str]:
    return sorted(p.name for p in path.iterdir() if p.is_dir() and not p.name.startswith(".")) if path.is_dir() else []


def _inspection(path: Path, inner: Data, data: Data, root: Path, split: str) -> Dataset:
    load = registry.datasets().find("folder").load
    (normal,) = _subfolders(path / "train")
    if data.kind and data.kind != normal:
        raise unknown("class", data.kind, [normal], f"(the only folder in {path / 'train'})")
    train = load(dataclasses.replace(inner, path=str(path / "train")), root, "train")
    if split == "train":
        return _parts("normal-images", train, None, (normal,), data, split, {"of": "folder"})
    # Of the training images' size, channels and levels.
    given: dict[str, Any] = {"channels": train.spec.shape[0]}
    if train.levels is not None:
        given |= {"low": train.levels.low, "high": train.levels.high}
    found = {
        kind: load(dataclasses.replace(inner, **given, path=str(path / "test" / kind)), root, "train")
        for kind in _subfolders(path / "test")
    }
    own = found.pop(normal, None)
    if own is None or not found:
        lacking = f"no folder {normal} of normal images" if own is None else f"only {normal}, and no anomalies"
        raise GanzooError(f"{path / 'test'} has {lacking}: add them.")
    anomalies = torch.cat([torch.from_numpy(np.array(part.arrays["x"])) for part in found.values()])
    return _dataset("normal-images", own.arrays["x"], None, anomalies, (normal,), data, own, {"of": "folder"})


def _without_labels(path: Path, train: Dataset, load: Any, inner: Data, data: Data, root: Path, split: str) -> Dataset:
    """Normal images only, of which some are held out if there is no test split."""
    note = {"of": inner.name}
    try:
        test = load(inner, root, "test")
    except GanzooError:
        return _held_out("normal-images", train, None, ("normal",), data, split, note)
    return _parts("normal-images", train if split == "train" else test, None, ("normal",), data, split, note)


def _held_out(
    name: str, train: Dataset, normal: list[int] | None, names: Sequence[str], data: Data, split: str, note: Any
) -> Dataset:
    """Every fifth normal image as the test split, with the images of all other classes."""
    inside = torch.ones(train.count, dtype=torch.bool) if normal is None else torch.isin(_labels(train), _ids(normal))
    rows = inside.nonzero()[:, 0]
    chosen = torch.arange(len(rows)) % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
    kept = rows[~chosen if split == "train" else chosen]
    if not len(kept):
        raise GanzooError(f"{name}: {len(rows)} normal images are too few to hold some out: add more.")
    outside = (~inside).nonzero()[:, 0] if split == "test" else torch.empty(0, dtype=torch.int64)
    anomalies = _in_memory(train.arrays["x"], outside) if len(outside) else None
    labels = _relabelled(train, kept, normal)
    return _dataset(
        name, take_rows(train.arrays["x"], kept), labels, anomalies, _called(normal, names), data, train, note
    )


def _parts(
    name: str, source: Dataset, normal: list[int] | None, names: Sequence[str], data: Data, split: str, note: Any
) -> Dataset:
    """A split of a labelled data set; normal None: all of it is normal."""
    if normal is None:
        return _dataset(name, source.arrays["x"], None, None, names, data, source, note)
    inside = torch.isin(_labels(source), _ids(normal))
    rows, outside = inside.nonzero()[:, 0], (~inside).nonzero()[:, 0]
    if not len(rows):
        raise GanzooError(f"{name}: no {split} image is of a normal class ({', '.join(_called(normal, names))}).")
    anomalies = _in_memory(source.arrays["x"], outside) if split == "test" and len(outside) else None
    labels = _relabelled(source, rows, normal)
    return _dataset(
        name, take_rows(source.arrays["x"], rows), labels, anomalies, _called(normal, names), data, source, note
    )


def _dataset(
    name: str,
    x: Array,
    y: Tensor | None,
    anomalies: Tensor | None,
    normal: Sequence[str],
    data: Data,
    source: Dataset,
    note: Any,
) -> Dataset:
    """The data set. With several normal classes they are its labels, which features for scores can be trained on."""
    labelled = y is not None and len(normal) > 1 and data.labels
    spec = DataSpec(
        name,
        "image",
        source.spec.shape,
        len(normal) if labelled else 0,
        tuple(normal) if labelled else (),
        range=(-1.0, 1.0),
        note={**note, "normal": list(normal)},
    )
    arrays: dict[str, Array] = {"x": x}
    if labelled and y is not None:
        arrays["y"] = y
    if anomalies is not None:
        arrays["anomalies"] = anomalies
    return Dataset(
        arrays,
        spec,
        groups=[["anomalies"]] if anomalies is not None else (),
        flip=data.flip,
        skipped=source.skipped,
        reasons=source.reasons,
        notes=(*source.notes, f"normal: {', '.join(normal)}"),
        levels=source.levels,
    )


def _in_memory(array: Array, rows: Tensor) -> Tensor:
    """Rows of an array, in memory."""
    return torch.from_numpy(np.ascontiguousarray(take_rows(array, rows)[:]))


def _names(dataset: Dataset) -> tuple[str, ...]:
    return dataset.spec.class_names or tuple(str(number) for number in range(dataset.spec.classes))


def _labels(dataset: Dataset) -> Tensor:
    return torch.as_tensor(np.asarray(dataset.arrays["y"]))


def _ids(classes: Sequence[int]) -> Tensor:
    return torch.tensor(list(classes))


def _relabelled(source: Dataset, rows: Tensor, normal: Sequence[int] | None) -> Tensor | None:
    """The labels of these rows, counted among the normal classes."""
    return None if normal is None else torch.searchsorted(_ids(normal), _labels(source)[rows])


def _called(normal: Sequence[int] | None, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(names) if normal is None else tuple(names[number] for number in normal)


def _chosen(wanted: str, names: Sequence[str]) -> list[int]:
    """The numbers of classes that are named, in order; none for an empty text."""
    found = set()
    for word in filter(None, (word.strip() for word in wanted.split(","))):
        if word in names:
            found.add(names.index(word))
        elif word.isdigit() and int(word) < len(names):
            found.add(int(word))
        else:
            raise unknown("class", word, names)
    return sorted(found)


def _normal_by_name(names: Sequence[str]) -> list[int]:
    return [number for number, name in enumerate(names) if name.lower() in NORMAL_NAMES] or [0]
