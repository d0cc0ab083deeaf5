"""Images: `[N, C, H, W]` in [-1, 1]; uint8 when stored, written or scored."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ganzoo.data import npz
from ganzoo.data.dataset import as_input, to_uint8
from ganzoo.data.images.decode import read_square, read_whole, why_unreadable
from ganzoo.data.images.scan import scan
from ganzoo.data.modality import Modality, finite_vectors, format_shape
from ganzoo.data.resize import prepare
from ganzoo.errors import GanzooError
from ganzoo.pictures import sheets
from ganzoo.recipes import Data, DataSpec, Size

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger(__name__)

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
    value_bytes = 1

    def picture(
        self,
        x: Tensor,
        spec: DataSpec,
        *,
        real: Tensor | None = None,
        columns: int | None = None,
        title: str = "",
        given: Mapping[str, Tensor] | None = None,
    ) -> Image:
        """A sheet. Above each row of images is a row of each input that they were made from and that is an image.

        Below it is a row of the `real` images that belong to these inputs, if there are as many.
        """
        above = [values for values in (given or {}).values() if values.ndim == 4]
        below = [real] if above and real is not None and len(real) == len(x) else []
        return sheets.sheet_below(x, above, columns, below) if above else sheets.sheet(x, columns)

    def differences(self, x: Tensor, made: Tensor, spec: DataSpec, captions: Sequence[str]) -> Image:
        """Rows of images, reconstructions and maps of the absolute difference, with a caption below each."""
        return sheets.sheet_of_differences(x, made, captions)

    def array(self, x: Tensor) -> np.ndarray:
        """uint8 `[N, H, W, C]`."""
        return sheets.pixels_of(x)

    def write_folder(self, x: Tensor, spec: DataSpec, folder: Path, names: Sequence[str] | None = None) -> None:
        """A PNG per image."""
        folder.mkdir(parents=True, exist_ok=True)
        digits = max(5, len(str(len(x) - 1)))
        for number, pixels in enumerate(sheets.pixels_of(x)):
            name = f"{number:0{digits}d}" if names is None else names[number]
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            sheets.to_image(pixels).save(folder / f"{name}.png")

    def read(self, path: Path, spec: DataSpec) -> tuple[Tensor, list[str]]:
        """Images from a folder with subfolders, a file, or a .npz, cropped and resized like training images.

        Those of a folder that cannot be read are left out, with a warning, unless that is all of them. Images of a spec
        whose note says {"resize": "nearest"} are resized without a filter, as maps whose colours mean something.
        """
        if path.suffix in (".npz", ".npy"):
            return self._read_arrays(path, spec)
        base, files = images_at(path)
        images, read, failed = [], [], []
        nearest = spec.note.get("resize") == "nearest"
        for name in files:
            try:
                images.append(read_square(base / name, as_size(spec.shape[1:]), spec.shape[0], nearest=nearest))
                read.append(name)
            except Exception as error:  # Pillow raises nearly anything for a damaged file
                failed.append(f"{base / name} cannot be read: {why_unreadable(error, base / name)}")
        if not images:
            raise GanzooError(f"{failed[0]}.")
        if failed:
            log.warning("left out %s of %s files: %s", f"{len(failed):,}", f"{len(files):,}", "; ".join(failed[:5]))
        return as_input(torch.from_numpy(np.stack(images))), without_endings(read)

    def read_each(self, path: Path, spec: DataSpec) -> list[tuple[str, Callable[[], Tensor]]]:
        """Images from a folder with subfolders, a file, or a .npz, one by one and neither cropped nor resized."""
        if path.suffix in (".npz", ".npy"):
            x = npz.load(Data(name="npz", path=str(path), channels=spec.shape[0]), Path(), "train").arrays["x"]
            assert isinstance(x, Tensor)
            return [(str(number), partial(as_input, x[number : number + 1])) for number in range(len(x))]
        base, files = images_at(path)
        return [
            (name, partial(whole_image, base / file, spec.shape[0]))
            for name, file in zip(without_endings(files), files, strict=True)
        ]

    def _read_arrays(self, path: Path, spec: DataSpec) -> tuple[Tensor, list[str]]:
        data = Data(name="npz", path=str(path), size=as_size(spec.shape[1:]), channels=spec.shape[0])
        x = npz.load(data, Path(), "train").arrays["x"]
        assert isinstance(x, Tensor)
        if tuple(x.shape[1:]) != spec.shape:
            raise GanzooError(
                f"{path} has samples of shape {format_shape(x.shape[1:])}, not {format_shape(spec.shape)}."
            )
        return as_input(x), [str(number) for number in range(len(x))]

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


def images_at(path: Path) -> tuple[Path, list[str]]:
    """A folder, and the image files in it; of a file, its own. Raises GanzooError if there are none."""
    if not path.exists():
        raise GanzooError(f"{path} does not exist: name an image, a folder of images or a .npz file.")
    base, files = (path, [name for name, _, _ in scan(path)]) if path.is_dir() else (path.parent, [path.name])
    if not files:
        raise GanzooError(f"there are no images in {path}: name an image, a folder of images or a .npz file.")
    return base, files


def without_endings(files: Sequence[str]) -> list[str]:
    """The names of files without their endings, unless two of them differ in these only."""
    names = [str(Path(name).with_suffix("")) for name in files]
    return names if len(set(names)) == len(names) else list(files)


def whole_image(path: Path, channels: int) -> Tensor:
    """An image file at its own size, `[1, channels, H, W]` in [-1, 1]. Raises GanzooError if it cannot be read."""
    try:
        pixels = read_whole(path, channels)
    except Exception as error:  # Pillow raises nearly anything for a damaged file
        raise GanzooError(f"{path} cannot be read: {why_unreadable(error, path)}.") from error
    return as_input(torch.from_numpy(pixels[None].copy()))


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
