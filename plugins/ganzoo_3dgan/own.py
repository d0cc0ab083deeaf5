"""The user's own shapes: a folder of .binvox or .npz files, or one such file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import adaptive_max_pool3d, interpolate

from ganzoo.data.common import check_request
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.files.typed import typed_path
from ganzoo.recipes import Data, DataSpec

from .formats import read_shapes

HELD_OUT_EVERY = 10
"""Every tenth shape is in the test split."""


def load(data: Data, root: Path, split: str) -> Dataset:
    """The shapes in the files at data.path, at any depth; every tenth is held out.

    The first level of subfolders names the classes, if there are at least two and no files beside them. data.size
    resamples all to cubes of that side; without it, all must have the same size. `root` is not used. Raises GanzooError
    for files that cannot be read, no files, shapes of different sizes, and fewer than ten shapes in split "test".
    """
    check_request("voxel-files", data, split, argument="path")
    if not data.path:
        raise GanzooError("voxel-files needs a folder or a file: type --dataset voxel-files:PATH.")
    path = typed_path(data.path)
    found = read_shapes(path)
    if data.size is not None:
        if not isinstance(data.size, int):
            raise GanzooError("voxel-files are resampled to cubes: set data.size to one number.")
        found = [(name, resampled(shape, data.size)) for name, shape in found]
    first_name, first = found[0]
    for name, shape in found:
        if shape.shape != first.shape:
            raise GanzooError(
                f"{path}: {first_name} has {sides(first)} voxels and {name} {sides(shape)}: all shapes must have the "
                "same size, so type --set data.size=16 to resample them."
            )
    chosen = [n for n in range(len(found)) if (n % HELD_OUT_EVERY == HELD_OUT_EVERY - 1) == (split == "test")]
    if not chosen:
        raise GanzooError(f"{path} has {len(found)} shapes, and every tenth is held out: add more for a test split.")
    labels, classes = classes_of([name for name, _ in found]) if data.labels else ([], ())
    spec = DataSpec("voxel-files", "voxels", (1, *first.shape), len(classes), tuple(classes))
    x = torch.from_numpy(np.stack([found[n][1] for n in chosen])[:, None].astype(np.uint8) * 255)
    y = {"y": torch.tensor([labels[n] for n in chosen])} if classes else {}
    return Dataset({"x": x, **y}, spec, flip=data.flip)


def sides(shape: np.ndarray) -> str:
    return "x".join(str(side) for side in shape.shape)


def classes_of(names: list[str]) -> tuple[list[int], tuple[str, ...]]:
    """The class number of each shape from the first folder of its name; none if they are not in folders."""
    folders = [Path(name).parts[0] if len(Path(name).parts) > 1 else "" for name in names]
    classes = tuple(sorted(set(folders)))
    if "" in classes or len(classes) < 2:
        return [], ()
    return [classes.index(folder) for folder in folders], classes


def resampled(shape: np.ndarray, side: int) -> np.ndarray:
    """A shape as a cube of `side` voxels: one is occupied if any that it covers is; smaller shapes are enlarged."""
    if shape.shape == (side,) * 3:
        return shape
    voxels = torch.from_numpy(shape.astype(np.float32))[None, None]
    larger = [max(side, own) for own in shape.shape]
    enlarged = interpolate(voxels, larger, mode="nearest")
    return adaptive_max_pool3d(enlarged, side)[0, 0].numpy() > 0.5
