"""Pictures of voxels: a parallel projection from above, shaded by the face that is seen and by its distance."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

TILE, OVER, MARGIN = 72, 2, 4
"""Pixels of a shape on the sheet, how many times larger it is drawn first, and the space between shapes."""

COLOUR = np.array([92, 140, 205])
FACES = np.array([1.15, 0.62, 0.85])
"""Brightness of faces: of the top, of the one in front, of the one at the side."""

DARKEST = 0.55
"""Brightness of the farthest voxel, relative to the nearest."""


@functools.lru_cache(maxsize=4)
def rays(shape: tuple[int, int, int], pixels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each ray meets: indices of voxels `[P, K]` (that of an empty one where it is outside), faces, distances.

    A ray crosses the planes between voxels one after the other, so between two crossings it is in one voxel, which it
    entered through the first one's face.
    """
    sides = np.array(shape, float)
    # From in front, above and to the right, along (up, back, right).
    towards = np.array([-0.5, 0.72, -0.48])
    towards /= np.linalg.norm(towards)
    right = np.cross(np.array([1.0, 0, 0]), towards)
    right /= np.linalg.norm(right)
    right *= np.sign(right[2])
    up = np.array([1.0, 0, 0]) - towards[0] * towards
    up /= np.linalg.norm(up)
    corners = (np.indices((2, 2, 2)).reshape(3, -1).T - 0.5) * sides
    reach = max(np.abs(corners @ up).max(), np.abs(corners @ right).max())
    at = (np.arange(pixels) + 0.5) / pixels * 2 - 1
    rows, columns = np.meshgrid(-at, at, indexing="ij")
    start = sides / 2 + reach * (rows.reshape(-1, 1) * up + columns.reshape(-1, 1) * right - 4 * towards)
    crossings, faces = [], []
    for axis, side in enumerate(shape):
        crossings.append((np.arange(side + 1) - start[:, axis : axis + 1]) / towards[axis])
        faces.append(np.full(side + 1, axis))
    along, axes = np.concatenate(crossings, 1), np.concatenate(faces)
    order = along.argsort(1, kind="stable")
    along = np.take_along_axis(along, order, 1)
    middle = start[:, None] + (along[:, :-1, None] + along[:, 1:, None]) / 2 * towards
    voxel = np.floor(middle).astype(np.int64)
    inside = ((voxel >= 0) & (voxel < np.array(shape))).all(2)
    index = np.ravel_multi_index(tuple(np.clip(voxel, 0, np.array(shape) - 1).transpose(2, 0, 1)), shape)
    index[~inside] = math.prod(shape)
    distance = (along[:, :-1] - along[inside_first(inside)].min()) / (2 * reach)
    return index.astype(np.int32), axes[order][:, :-1].astype(np.int8), distance.astype(np.float32)


def inside_first(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The positions of the first step of each ray that is inside, for rays that have one."""
    (rows,) = np.nonzero(inside.any(1))
    return rows, inside[rows].argmax(1)


def render(shape: np.ndarray, tile: int = TILE) -> np.ndarray:
    """A shape, booleans `[D, H, W]`, as RGB pixels uint8 `[tile, tile, 3]` on white."""
    sides = (shape.shape[0], shape.shape[1], shape.shape[2])
    index, faces, distance = rays(sides, tile * OVER)
    hits = np.append(shape.ravel(), False)[index]
    first = hits.argmax(1)[:, None]
    seen = np.take_along_axis(hits, first, 1)
    face = FACES[np.take_along_axis(faces, first, 1)]
    far = np.clip(np.take_along_axis(distance, first, 1), 0, 1)
    colour = COLOUR * face * (1 - (1 - DARKEST) * far)
    picture = np.where(seen, np.clip(colour, 0, 255), 255.0)
    picture = picture.reshape(tile, OVER, tile, OVER, 3).mean((1, 3))
    return picture.round().astype(np.uint8)


def sheet(shapes: Sequence[np.ndarray], columns: int | None = None, tile: int = TILE) -> Image.Image:
    """Shapes, row by row."""
    columns = columns or math.ceil(math.sqrt(len(shapes)))
    cell, rows = tile + MARGIN, math.ceil(len(shapes) / columns)
    page = np.full((rows * cell + MARGIN, columns * cell + MARGIN, 3), 255, np.uint8)
    for number, shape in enumerate(shapes):
        top, left = MARGIN + number // columns * cell, MARGIN + number % columns * cell
        page[top : top + tile, left : left + tile] = render(shape, tile)
    return Image.fromarray(page)
