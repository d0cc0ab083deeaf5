"""Generated shapes: boxes, balls, tables and chairs of random proportions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ganzoo.data.common import check_request
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data, DataSpec

COUNTS = {"train": 4000, "test": 1000}
SIDE, SMALLEST, LARGEST = 16, 8, 64

Grid = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Coordinates of the voxels' centres, each broadcast to `[D, H, W]`, in units of the side: height, depth, width."""


def load(data: Data, root: Path, split: str) -> Dataset:
    """The shapes, `[1, S, S, S]`, 4 classes: 4,000 for training, 1,000 for testing, always the same.

    S is 16, or data.size. `root` is not used. Raises GanzooError for other keys and for a size below 8 or above 64.
    """
    check_request("voxel-shapes", data, split)
    side = SIDE if data.size is None else data.size
    if not isinstance(side, int) or not SMALLEST <= side <= LARGEST:
        raise GanzooError(f"voxel-shapes are cubes of {SMALLEST} to {LARGEST} voxels: set data.size to one number.")
    if data.channels not in (None, 1):
        raise GanzooError("voxel-shapes have one channel: leave out data.channels.")
    # NumPy guarantees the stream of RandomState; that of default_rng may change.
    random = np.random.RandomState(0 if split == "train" else 1)
    labels = np.arange(COUNTS[split]) % len(MAKERS)
    makers, grid = list(MAKERS.values()), coordinates(side)
    filled = np.stack([makers[label](grid, random) for label in labels])
    spec = DataSpec(
        "voxel-shapes",
        "voxels",
        (1, side, side, side),
        classes=len(MAKERS) if data.labels else 0,
        class_names=tuple(MAKERS) if data.labels else (),
    )
    arrays = {"x": torch.from_numpy(filled[:, None].astype(np.uint8) * 255)}
    if data.labels:
        arrays["y"] = torch.from_numpy(labels)
    return Dataset(arrays, spec, flip=data.flip)


def coordinates(side: int) -> Grid:
    """The centres of the voxels of a cube, 0 to 1."""
    at = (np.arange(side) + 0.5) / side
    height, depth, width = np.meshgrid(at, at, at, indexing="ij")
    return height, depth, width


def block(grid: Grid, *spans: tuple[float, float]) -> np.ndarray:
    """The voxels within a span of height, of depth and of width."""
    inside = np.ones(grid[0].shape, bool)
    for axis, (low, high) in zip(grid, spans, strict=True):
        inside &= (axis >= low) & (axis < high)
    return inside


def around(centre: float, half: float) -> tuple[float, float]:
    return centre - half, centre + half


def box(grid: Grid, random: np.random.RandomState) -> np.ndarray:
    height, depth, width = random.uniform(0.3, 0.85, 3)
    return block(grid, (0.06, 0.06 + height), around(0.5, depth / 2), around(0.5, width / 2))


def ball(grid: Grid, random: np.random.RandomState) -> np.ndarray:
    """An ellipsoid that lies on the floor."""
    radii = random.uniform(0.25, 0.44) * random.uniform(0.8, 1.0, 3)
    centre = (0.06 + radii[0], 0.5, 0.5)
    return sum(((a - c) / r) ** 2 for a, c, r in zip(grid, centre, radii, strict=True)) <= 1.0


def table(grid: Grid, random: np.random.RandomState) -> np.ndarray:
    """A top on four legs at its corners."""
    height, thick, leg = random.uniform(0.4, 0.85), random.uniform(0.07, 0.14), random.uniform(0.1, 0.16)
    depth, width = random.uniform(0.55, 0.88, 2)
    top = block(grid, (height - thick, height), around(0.5, depth / 2), around(0.5, width / 2))
    return top | legs(grid, height, depth, width, leg)


def chair(grid: Grid, random: np.random.RandomState) -> np.ndarray:
    """A seat on four legs, with a back on one of its sides."""
    seat, thick, leg = random.uniform(0.32, 0.5), random.uniform(0.08, 0.14), random.uniform(0.1, 0.14)
    depth, width, back = random.uniform(0.45, 0.65), random.uniform(0.45, 0.65), random.uniform(0.8, 0.94)
    at_back = (0.5 + depth / 2 - random.uniform(0.08, 0.14), 0.5 + depth / 2)
    made = block(grid, (seat - thick, seat), around(0.5, depth / 2), around(0.5, width / 2))
    made |= block(grid, (seat - thick, back), at_back, around(0.5, width / 2)) | legs(grid, seat, depth, width, leg)
    return np.rot90(made, random.randint(4), axes=(1, 2))


def legs(grid: Grid, height: float, depth: float, width: float, thick: float) -> np.ndarray:
    """Four legs from the floor to a height, at the corners of a depth and a width."""
    _, across, along = grid
    near = (np.abs(across - 0.5) >= depth / 2 - thick) & (np.abs(along - 0.5) >= width / 2 - thick)
    return near & block(grid, (0.0, height), around(0.5, depth / 2), around(0.5, width / 2))


MAKERS: dict[str, Callable[[Grid, np.random.RandomState], np.ndarray]] = {
    "box": box,
    "ball": ball,
    "table": table,
    "chair": chair,
}
"""The classes, in the order of their numbers."""
