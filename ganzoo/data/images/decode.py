"""Decoding one image file of any format to one small square (or rectangle) of uint8 pixels."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ganzoo.data.levels import Levels, scale
from ganzoo.data.resize import MODES, as_array, fit, height_width
from ganzoo.recipes import Size

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"})
"""The usual endings of images. `image_endings` has them all."""

NOT_DECODED = frozenset({"EPS", "BUFR", "GRIB", "HDF5", "MPEG", "WMF", "FPX", "MIC"})
"""Formats of Pillow that it only identifies, decodes with another program, or finds in files that are no images."""

IDENTIFIED = (
    *("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"),
    *("AVIF", "JPEG2000", "ICO", "ICNS", "PSD", "QOI", "DDS"),
)
"""Formats that are recognised by a file's first bytes, whatever its name."""

PREFIX = 16
"""Bytes by which Pillow recognises formats."""

ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The operation that turns an image of each EXIF orientation (EXIF 2.3, tag 274) upright."""


@cache
def formats() -> tuple[str, ...]:
    """The formats in which images are read: those that Pillow decodes, with its plugins that have been imported."""
    Image.init()
    return tuple(name for name in Image.OPEN if name not in NOT_DECODED)


@cache
def image_endings() -> frozenset[str]:
    """The endings, in lower case, of files that count as images whatever is in them."""
    readable = formats()
    return EXTENSIONS | {ending for ending, name in Image.registered_extensions().items() if name in readable}


def is_image(path: str | Path) -> bool:
    """Whether a file's content is an image, whatever its name. Raises OSError if it cannot be opened."""
    with open(path, "rb") as file:  # noqa: PTH123 (a Path for each of many files takes as long as reading them)
        prefix = file.read(PREFIX)
        likely = [name for name in IDENTIFIED if name in formats() and _accepts(name, prefix)]
        if not likely:
            return False
        file.seek(0)
        try:
            with Image.open(file, formats=likely):
                return True
        except Exception:  # as below
            return False


def _accepts(name: str, prefix: bytes) -> bool:
    accept = Image.OPEN[name][1]
    try:
        # Of a format that this Pillow was built without, it is a sentence that says so.
        return accept is not None and bool(accept(prefix)) and not isinstance(accept(prefix), str)
    except Exception:  # some read numbers that a file of a few bytes does not have
        return False


def why_unreadable(error: Exception, path: Path) -> str:
    """Why an image could not be read, in a few words."""
    if isinstance(error, UnidentifiedImageError):
        if path.stat().st_size == 0:
            return "empty file"
        return "not in a format that can be read"
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels"
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, OSError) and error.errno is not None:
        return error.strerror or type(error).__name__
    lines = str(error).split("\n")
    return lines[0][:120].strip() or type(error).__name__


def read_square(
    path: Path, size: Size, channels: int, levels: Levels | None = None, *, nearest: bool = False
) -> np.ndarray:
    """Read an image file as uint8 `[channels, *size]`, channels 1 (BT.601 luma), 3 (RGB) or 4 (RGBA).

    The largest central part of that shape is resized (Lanczos, antialiased; if `nearest`, nearest neighbour, so that no
    new colours appear). Alpha is blended onto white, unless it is one of the channels; EXIF orientation is applied,
    and the first frame of an animation is used. levels: what is black and white in files of more than 8 bits, and in
    all of them if `chosen`; by default 0 and 65,535, or 1 of floats. Raises whatever Pillow raises for an unreadable
    file, and DecompressionBombError above 179 million pixels.
    """
    shape = height_width(size)
    # Lanczos resizes from at least twice the size.
    upright = _upright(path, channels, levels, 0 if nearest else 2 * max(shape))
    return as_array(fit(upright, shape, nearest=nearest))


def read_whole(path: Path, channels: int) -> np.ndarray:
    """An image file as uint8 `[channels, H, W]`, as `read_square` reads it, but of the size that it has."""
    return as_array(_upright(path, channels))


def _upright(path: Path, channels: int, levels: Levels | None = None, least: int = 0) -> Image.Image:
    """An image file in 1, 3 or 4 channels, upright. least: if above 0, the pixels on a side that are enough."""
    with Image.open(path, formats=formats()) as image:
        # Only JPEG can be decoded at a half, a quarter or an eighth.
        if least:
            image.draft(None, (least, least))
        image.load()
        orientation = _orientation(image)
        flat = _flat(image, levels, alpha=channels == 4).convert(MODES[channels])
    return flat.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else flat


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # a broken EXIF block makes Pillow raise nearly anything, but the pixels are fine
        return 1


def _flat(image: Image.Image, levels: Levels | None, *, alpha: bool) -> Image.Image:
    """As 8-bit grey ("L") or RGB; with alpha, if it has any, as RGBA."""
    if is_deep(image.mode):
        return Image.fromarray(_eight_bits(np.asarray(image), levels))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if not alpha:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image).convert("RGB")
    elif image.mode != "L":
        image = image.convert("L" if image.mode == "1" else "RGB")
    return image.point(_table(levels, image.mode)) if levels and levels.chosen else image


def is_deep(mode: str) -> bool:
    """Whether the pixels of a Pillow mode are grey levels of more than 8 bits."""
    return mode.startswith("I") or mode == "F"


def _eight_bits(values: np.ndarray, levels: Levels | None) -> np.ndarray:
    """Grey levels of 16 bits, 32 bits or floating point to uint8."""
    if not np.isfinite(values).all():
        raise ValueError("pixels that are not finite")
    return scale(values, levels or Levels(0, 1 if values.dtype.kind == "f" else 65_535))


def _table(levels: Levels, mode: str) -> list[int]:
    """What each of the 256 values of each colour becomes; alpha stays."""
    scaled = scale(np.arange(256), levels).tolist()
    return scaled * 3 + list(range(256)) if mode == "RGBA" else scaled * len(mode)
