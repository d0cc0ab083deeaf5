"""Images: `[N, C, H, W]` in [-1, 1]; uint8 when stored, written or scored."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ganzoo.data.dataset import to_uint8
from ganzoo.data.images.scan import scan
from ganzoo.data.modality import Modality, finite_vectors, format_shape
from ganzoo.data.resize import prepare
from ganzoo.errors import GanzooError
from ganzoo.pictures import sheets
from ganzoo.recipes import Data, DataSpec, Size

if TYPE_CHECKING:
    from PIL.Image import Image

PIXELS = 16
"""Pixels on a side of the images that the diagnosis compares."""


class Images(Modality):
    """Images, drawn in sheets."""

    quick_metrics = ("is", "fd")
    criteria = ("fd",)
    example_shapes = ((1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64))
    example_range = (-1.0, 1.0)
    example_dataset = "digits"
    shows_samples_apart = True

    def picture(
        self, x: Tensor, spec: DataSpec, *, real: Tensor | None = None, columns: int | None = None, title: str = ""
    ) -> Image:
        return sheets.sheet(x, columns)

    def array(self, x: Tensor) -> np.ndarray:
        """uint8 `[N, H, W, C]`."""
        return sheets.pixels_of(x)

    def write_folder(self, x: Tensor, folder: Path) -> None:
        """A PNG per image, numbered."""
        folder.mkdir(parents=True, exist_ok=True)
        digits = max(5, len(str(len(x) - 1)))
        for number, pixels in enumerate(sheets.pixels_of(x)):
            sheets.to_image(pixels).save(folder / f"{number:0{digits}d}.png")

    def folder_size(self, folder: Path) -> Size | None:
        sizes = {shape[1:] for shape in picture_shapes(folder)}
        if next(scan(folder), None) is None:
            raise GanzooError(f"there are no images in {folder}: name a run folder, a folder of images or a .npz file.")
        return as_size(next(iter(sizes))) if len(sizes) == 1 else None

    def folder_data(self, folder: Path, spec: DataSpec) -> tuple[Data, str]:
        data = Data(name="folder", path=str(folder), size=as_size(spec.shape[1:]), channels=spec.shape[0])
        shapes = picture_shapes(folder)
        # Where no file can be read, the loader says so.
        if not shapes or shapes == {spec.shape}:
            return data, ""
        sizes = {shape[1:] for shape in shapes}
        require_proportions(sizes, spec)
        if len(shapes) == 1:
            before = format_shape(next(iter(shapes)))
        else:
            before = "several sizes" if len(sizes) > 1 else f"{format_shape(next(iter(sizes)))} in several colour modes"
        return data, f"{before} to {format_shape(spec.shape)}"

    def scored(self, x: Tensor) -> Tensor:
        return to_uint8(x)

    def check_scored(self, x: Tensor) -> None:
        if x.dtype != torch.uint8:
            raise ValueError(f"images to score must be uint8, not {x.dtype}: see to_uint8")

    def default_samples(self, train: int, test: int) -> int:
        """10,000, or the size of the larger split if that is smaller, but at least 1,000.

        FD is larger for fewer samples (Binkowski et al. 2018, section 4).
        """
        return min(10_000, max(1_000, train, test))

    def data_size(self, spec: DataSpec) -> Size:
        return as_size(spec.shape[1:])

    def match(self, x: Tensor, spec: DataSpec, whose: str) -> Tensor:
        """Resized to the reference's size, and converted to its number of channels."""
        shape = tuple(x.shape[1:])
        if shape == spec.shape:
            return x
        require_proportions({shape[1:]}, spec)
        return prepare("samples", x, Data(size=as_size(spec.shape[1:]), channels=spec.shape[0]))

    def vectors(self, x: Tensor) -> Tensor:
        """Averaged down to 16x16 pixels."""
        if max(x.shape[2:]) > PIXELS:
            x = adaptive_avg_pool2d(
                x.float().nan_to_num(0.0, 0.0, 0.0), (min(PIXELS, x.shape[2]), min(PIXELS, x.shape[3]))
            )
        return finite_vectors(x)

    def example(self, shape: tuple[int, ...], count: int, generator: torch.Generator) -> Tensor:
        return torch.randint(256, (count, *shape), generator=generator, dtype=torch.uint8)


def picture_shapes(folder: Path) -> set[tuple[int, ...]]:
    """The shapes `(C, H, W)` that the images in `folder` have, from their headers; unreadable ones have none."""
    shapes: set[tuple[int, ...]] = set()
    for name, _, _ in scan(folder):
        try:
            with Pillow.open(folder / name) as picture:
                grey = picture.mode[0] in "1LIF"
                channels = 4 if picture.has_transparency_data and not grey else (1 if grey else 3)
                shapes.add((channels, picture.height, picture.width))
        except Exception:  # Pillow raises nearly anything for a damaged file, which the loader reports as skipped
            continue
    return shapes


def require_proportions(sizes: Iterable[tuple[int, ...]], spec: DataSpec) -> None:
    """Raise GanzooError for a reference that is not square, if samples of these sizes would be cropped to its shape."""
    height, width = spec.shape[1:]
    if height != width and any(h * width != w * height for h, w in sizes):
        raise GanzooError(
            f"{spec.name} has images of {height}x{width}, and samples of other proportions are only cropped to "
            "squares: give the reference a square size."
        )


def as_size(shape: tuple[int, ...]) -> Size:
    """Height and width as `data.size`: one number where they are equal."""
    height, width = shape
    return height if height == width else (height, width)
