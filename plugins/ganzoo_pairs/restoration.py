"""Damaged images made from any image data set: smaller ones, and ones with a hole. And how to restore them simply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from ganzoo.data.dataset import Dataset
from ganzoo.data.image_files import to_channels
from ganzoo.errors import GanzooError, printable, unknown
from ganzoo.recipes import Data

from .data import made_from, paired, read_base

FACTORS = (2, 4, 8, 16)
FACTOR = 4
"""How many times smaller the inputs of `lowres` are by default: the paper's."""

SMALLEST = 2
"""Pixels on a side of the smallest input of `lowres`."""

PLACES = ("middle", "random")
OPAQUE = 255


def lowres(data: Data, root: Path, split: str) -> Dataset:
    """The base images, whose input "source" is the same with sides 4 times shorter, or data.settings.factor times."""
    base = read_base("lowres", data, root, split, default="photo-crops")
    channels, height, width = base.spec.shape
    factor = _factor(data, height, width, base.spec.name)
    shape = (channels, height // factor, width // factor)
    source = made_from(base, lambda x, rows: smaller(x, factor), shape)
    return paired("lowres", base, base.arrays["x"], source, data, {"baseline": "bicubic"})


def _factor(data: Data, height: int, width: int, name: str) -> int:
    typed = data.settings.get("factor", str(FACTOR))
    if typed not in map(str, FACTORS):
        raise GanzooError(
            f"lowres makes images 2, 4, 8 or 16 times smaller, not {printable(typed)!r}: --set data.settings.factor=2."
        )
    factor = int(typed)
    if height % factor or width % factor or min(height, width) < SMALLEST * factor:
        near = max(SMALLEST, round(min(height, width) / factor)) * factor
        raise GanzooError(
            f"lowres makes images {factor} times smaller, and those of {name} have {height}x{width} pixels: use --set "
            f"data.size={near}, or another --set data.settings.factor."
        )
    return factor


def smaller(x: Tensor, factor: int) -> Tensor:
    """uint8 images `[N, C, H, W]` with sides `factor` times shorter, bicubic and antialiased."""
    size = (x.shape[2] // factor, x.shape[3] // factor)
    made = functional.interpolate(x.float(), size, mode="bicubic", antialias=True, align_corners=False)
    return made.round().clamp(0, 255).to(torch.uint8)


def holes(data: Data, root: Path, split: str) -> Dataset:
    """The base images, whose input "source", in RGBA, is the same with a hole: transparent pixels.

    The hole is the middle of the image, half as high and as wide; with data.settings.where=random it is a rectangle of
    a quarter to half of its sides, somewhere, always the same for an image.
    """
    where = data.settings.get("where", PLACES[0])
    if where not in PLACES:
        raise unknown("place of holes", where, PLACES)
    base = read_base("holes", data, root, split)
    height, width = base.spec.shape[1:]
    if min(height, width) < 4:
        raise GanzooError(f"images of {height}x{width} are too small for a hole: use --set data.size=8 or more.")
    drawn = rectangles(base.count, height, width) if where == "random" else None

    def make(x: Tensor, rows: Tensor) -> Tensor:
        known = ~(middle(height, width).expand(len(x), -1, -1) if drawn is None else drawn_holes(drawn[rows], x))
        return with_hole(x, known)

    source = made_from(base, make, (4, height, width))
    return paired("holes", base, base.arrays["x"], source, data, {"baseline": "nearest", "holes": where})


def middle(height: int, width: int) -> Tensor:
    """True in the middle of an image `[H, W]`, half as high and as wide."""
    inside = torch.zeros(height, width, dtype=torch.bool)
    inside[height // 4 : height - height // 4, width // 4 : width - width // 4] = True
    return inside


def rectangles(count: int, height: int, width: int) -> Tensor:
    """Top, bottom, left and right of a random rectangle for each of `count` images `[count, 4]`, always the same."""
    # NumPy guarantees the stream of RandomState.
    random = np.random.RandomState(0).rand(count, 4)
    found = []
    for side, (share, place) in zip((height, width), ((0, 1), (2, 3)), strict=True):
        least, most = max(1, side // 4), max(1, side // 2)
        length = least + np.floor(random[:, share] * (most - least + 1)).astype(np.int64)
        start = np.floor(random[:, place] * (side - length + 1)).astype(np.int64)
        found += [start, start + length]
    return torch.from_numpy(np.stack(found, 1))


def drawn_holes(corners: Tensor, x: Tensor) -> Tensor:
    """True inside the rectangles `[N, 4]` of images `[N, C, H, W]`: `[N, H, W]`."""
    top, bottom, left, right = (each[:, None] for each in corners.unbind(1))
    row, column = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    down, across = (row >= top) & (row < bottom), (column >= left) & (column < right)
    return down[:, :, None] & across[:, None, :]


def with_hole(x: Tensor, known: Tensor) -> Tensor:
    """Images uint8 `[N, 1 or 3, H, W]` in RGBA, transparent and of the mean colour where they are not `known`."""
    x = to_channels(x, 3)
    inside = known[:, None]
    mean = (x.float() * inside).sum((2, 3), keepdim=True) / inside.sum((2, 3), keepdim=True)
    filled = torch.where(inside, x, mean.round().to(torch.uint8))
    return torch.cat([filled, (inside * OPAQUE).to(torch.uint8)], 1)


# What the simplest methods make of such inputs, for comparison.


def bicubic(source: Tensor, shape: tuple[int, ...]) -> Tensor:
    """uint8 images `[N, C, h, w]` enlarged to `shape`."""
    made = functional.interpolate(source.float(), tuple(shape[1:]), mode="bicubic", align_corners=False)
    return made.round().clamp(0, 255).to(torch.uint8)


def nearest(source: Tensor, shape: tuple[int, ...]) -> Tensor:
    """uint8 RGBA images `[N, 4, H, W]` as images of `shape` in which each missing pixel is the nearest known one."""
    made = []
    for image in source.numpy():
        rows, columns = ndimage.distance_transform_edt(image[3] < 128, return_distances=False, return_indices=True)
        made.append(image[:3, rows, columns])
    return to_channels(torch.from_numpy(np.stack(made)), shape[0])


SIMPLE: Mapping[str, Callable[[Tensor, tuple[int, ...]], Tensor]] = {"bicubic": bicubic, "nearest": nearest}
