"""Checks and constructors shared by all data sets."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from ganzoo.data.dataset import Array, Dataset
from ganzoo.data.levels import Levels
from ganzoo.errors import GanzooError, unknown
from ganzoo.recipes import Data, DataSpec

SPLITS = ("train", "test")


def check_request(
    name: str,
    data: Data,
    split: str,
    *,
    argument: str = "",
    second_path: bool = False,
    length: bool = False,
    rate: bool = False,
) -> None:
    """Raise GanzooError for an unknown split, and for a kind or path unless it is the `argument` of data set `name`.

    second_path, length, rate: whether the data set reads these keys.
    """
    if split not in SPLITS:
        raise unknown("split", str(split), SPLITS)
    if data.path and argument != "path":
        raise GanzooError(
            f"{name} does not read your own files: leave out data.path ({data.path!r}), or "
            "for your own images type --dataset folder:PATH."
        )
    if data.second_path and not second_path:
        raise GanzooError(f"{name} does not read two paths: leave out data.second_path ({data.second_path!r}).")
    if data.length is not None and not length:
        raise GanzooError(f"the samples of {name} have a length of their own: leave out data.length ({data.length}).")
    if data.kind and argument != "kind":
        raise GanzooError(f"{name} has no kinds: leave out data.kind ({data.kind!r}).")
    if argument != "path":
        _refuse(data, f"{name} is not your own files", ("low", "high", "layout"))
    if data.rate is not None and not rate:
        raise GanzooError(f"the samples of {name} have a rate of their own: leave out data.rate ({data.rate:g}).")


def check_points(name: str, data: Data) -> None:
    """Raise GanzooError for settings that only apply to images."""
    refuse_image_keys(name, data, "points")


IMAGE_KEYS = ("size", "channels", "flip", "low", "high", "layout")


def refuse_image_keys(name: str, data: Data, what: str, reads: Sequence[str] = ()) -> None:
    """Raise GanzooError for settings of images in data of another kind. what: "sounds". reads: those that it reads."""
    _refuse(data, f"{name} contains {what}, not images", [key for key in IMAGE_KEYS if key not in reads])


def _refuse(data: Data, why: str, keys: Sequence[str]) -> None:
    """Raise GanzooError if any of these keys is set."""
    given = [f"data.{key}" for key in keys if getattr(data, key) not in (None, False, "auto")]
    if given:
        raise GanzooError(f"{why}: leave out {' and '.join(given)}.")


def image_dataset(
    name: str,
    images: Array,
    data: Data,
    *,
    labels: Sequence[int] | Tensor | None = None,
    classes: int = 0,
    class_names: Sequence[str] = (),
    skipped: tuple[str, ...] = (),
    reasons: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    levels: Levels | None = None,
    digest: str | None = None,
    undivided: Tensor | None = None,
) -> Dataset:
    """A data set of `images`, uint8 `[N, C, H, W]`, with `labels`, `[N]`, if data.labels is set.

    classes: the number of classes, if they have no names. skipped, reasons, notes, levels, digest, undivided: as in
    `Dataset`.
    """
    labelled = labels is not None and data.labels
    spec = DataSpec(
        name,
        "image",
        tuple(images.shape[1:]),
        classes=(classes or len(class_names)) if labelled else 0,
        class_names=tuple(class_names) if labelled else (),
        range=(-1.0, 1.0),
    )
    return Dataset(
        {"x": images, **_labels(labels, data)},
        spec,
        flip=data.flip,
        skipped=skipped,
        reasons=reasons,
        notes=notes,
        levels=levels,
        digest=digest,
        undivided=undivided,
    )


def point_dataset(
    name: str,
    points: Tensor,
    data: Data,
    *,
    labels: Sequence[int] | Tensor | None = None,
    classes: int = 0,
    class_names: Sequence[str] = (),
    notes: tuple[str, ...] = (),
    undivided: Tensor | None = None,
) -> Dataset:
    """A data set of `points`, float32 `[N, D]`, with `labels`, `[N]`, if data.labels is set.

    undivided: as in `Dataset`.
    """
    labelled = labels is not None and data.labels
    spec = DataSpec(
        name,
        "points",
        tuple(points.shape[1:]),
        classes=(classes or len(class_names)) if labelled else 0,
        class_names=tuple(class_names) if labelled else (),
        range=None,
    )
    return Dataset({"x": points, **_labels(labels, data)}, spec, notes=notes, undivided=undivided)


def _labels(labels: Sequence[int] | Tensor | None, data: Data) -> dict[str, Tensor]:
    return {"y": torch.as_tensor(labels, dtype=torch.int64)} if labels is not None and data.labels else {}


def file_of_scikit_learn(name: str) -> Path | None:
    """A file of scikit-learn's data sets, found without importing it, which takes seconds; None if it is not there."""
    found = find_spec("sklearn")
    folders = (found.submodule_search_locations or ()) if found else ()
    files = (Path(folder) / "datasets" / name for folder in folders)
    return next((file for file in files if file.is_file()), None)
