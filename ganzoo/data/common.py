"""What all data sets check and build alike."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganzoo.data.dataset import Array, Dataset
from ganzoo.errors import GanzooError, unknown
from ganzoo.recipes import Data, DataSpec

SPLITS = ("train", "test")


def check_request(name: str, data: Data, split: str, *, argument: str = "") -> None:
    """Refuse what data set `name` does not have: splits, and a kind or path unless it is its `argument`.

    Raises GanzooError.
    """
    if split not in SPLITS:
        raise unknown("split", str(split), SPLITS)
    if data.path and argument != "path":
        raise GanzooError(
            f"{name} reads no files of yours, so data.path ({data.path!r}) must be left out; "
            "for your own images type --dataset folder:PATH."
        )
    if data.kind and argument != "kind":
        raise GanzooError(f"{name} has no kinds, so data.kind ({data.kind!r}) must be left out.")


def check_points(name: str, data: Data) -> None:
    """Refuse settings that only make sense for images. Raises GanzooError."""
    given = [
        field
        for field, value in (("size", data.size), ("channels", data.channels), ("flip", data.flip or None))
        if value is not None
    ]
    if given:
        raise GanzooError(f"{name} holds points, not images: leave out {' and '.join(f'data.{f}' for f in given)}.")


def image_dataset(
    name: str,
    images: Array,
    data: Data,
    *,
    labels: Sequence[int] | Tensor | None = None,
    classes: int = 0,
    class_names: Sequence[str] = (),
    skipped: tuple[str, ...] = (),
) -> Dataset:
    """The data set of `images`, uint8 `[N, C, H, W]`, and, if data.labels asks for them, `labels`, `[N]`.

    classes: the number of classes, where they have no names.
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
    return Dataset({"x": images, **_labels(labels, data)}, spec, flip=data.flip, skipped=skipped)


def point_dataset(
    name: str, points: Tensor, data: Data, *, labels: Sequence[int] | Tensor | None = None, classes: int = 0
) -> Dataset:
    """The data set of `points`, float32 `[N, D]`, and, if data.labels asks for them, `labels`, `[N]`."""
    labelled = labels is not None and data.labels
    spec = DataSpec(name, "points", tuple(points.shape[1:]), classes=classes if labelled else 0, range=None)
    return Dataset({"x": points, **_labels(labels, data)}, spec)


def _labels(labels: Sequence[int] | Tensor | None, data: Data) -> dict[str, Tensor]:
    return {"y": torch.as_tensor(labels, dtype=torch.int64)} if labels is not None and data.labels else {}
