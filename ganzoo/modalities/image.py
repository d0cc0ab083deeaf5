"""Images: `[N, C, H, W]` in [-1, 1], uint8 where they are stored, written or scored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ganzoo.data.dataset import to_uint8
from ganzoo.data.images import folder as image_folder
from ganzoo.data.modality import Modality, finite_vectors, format_shape
from ganzoo.data.resize import prepare
from ganzoo.errors import GanzooError
from ganzoo.pictures import sheets
from ganzoo.recipes import Data, DataSpec

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

    def folder_size(self, folder: Path) -> int | None:
        sizes = picture_sizes(folder)
        if next(image_folder.scan(folder), None) is None:
            raise GanzooError(f"there are no images in {folder}: name a run folder, a folder of images or a .npz file.")
        return min(next(iter(sizes))) if len(sizes) == 1 else None

    def folder_data(self, folder: Path, spec: DataSpec) -> tuple[Data, str]:
        data = Data(name="folder", path=str(folder), size=square_side(spec), channels=spec.shape[0])
        sizes = picture_sizes(folder)
        if sizes == {spec.shape[1:]}:
            return data, ""
        before = format_shape(next(iter(sizes))) if len(sizes) == 1 else "several sizes"
        return data, f"{before} to {format_shape(spec.shape[1:])}"

    def scored(self, x: Tensor) -> Tensor:
        return to_uint8(x)

    def check_scored(self, x: Tensor) -> None:
        if x.dtype != torch.uint8:
            raise ValueError(f"images to score must be uint8, not {x.dtype}: see to_uint8")

    def default_samples(self, train: int, test: int) -> int:
        """10,000, or as many as there are training images where these are fewer, but not under 1,000.

        The fewer samples there are, the larger FD comes out (Binkowski et al. 2018, section 4).
        """
        return min(10_000, max(1_000, train, test))

    def data_size(self, spec: DataSpec) -> int:
        return min(spec.shape[1:])

    def match(self, x: Tensor, spec: DataSpec, whose: str) -> Tensor:
        """Resized to the reference's size, and converted to its number of channels."""
        shape = tuple(x.shape[1:])
        if shape == spec.shape:
            return x
        size = None if shape[1:] == spec.shape[1:] else square_side(spec)
        return prepare("samples", x, Data(size=size, channels=spec.shape[0]))

    def vectors(self, x: Tensor) -> Tensor:
        """Averaged down to 16x16 pixels."""
        if max(x.shape[2:]) > PIXELS:
            x = adaptive_avg_pool2d(
                x.float().nan_to_num(0.0, 0.0, 0.0), (min(PIXELS, x.shape[2]), min(PIXELS, x.shape[3]))
            )
        return finite_vectors(x)

    def example(self, shape: tuple[int, ...], count: int, generator: torch.Generator) -> Tensor:
        return torch.randint(256, (count, *shape), generator=generator, dtype=torch.uint8)


def picture_sizes(folder: Path) -> set[tuple[int, ...]]:
    """The sizes (height, width) that the images in `folder` have, from their headers; unreadable ones have none."""
    sizes: set[tuple[int, ...]] = set()
    for name, _, _ in image_folder.scan(folder):
        try:
            with Pillow.open(folder / name) as picture:
                sizes.add((picture.height, picture.width))
        except Exception:  # Pillow raises nearly anything for a damaged file, which the loader reports as skipped
            continue
    return sizes


def square_side(spec: DataSpec) -> int:
    """Height and width of square images. Raises GanzooError for others."""
    _, height, width = spec.shape
    if height != width:
        raise GanzooError(
            f"{spec.name} has images of {height}x{width}, and others are only resized to squares: "
            "give the reference a square size."
        )
    return height
