"""Decoding one image file of any format to one small square of uint8 pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"})

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


def read_square(path: Path, size: int, channels: int) -> np.ndarray:
    """Read an image file as uint8 `[channels, size, size]`, channels 1 (BT.601 luma) or 3 (RGB).

    The short side is resized to `size` (Lanczos, antialiased) and the centre is kept. Alpha is blended onto white, 16
    bits are scaled to 8, EXIF orientation is applied, and the first frame of an animation is used. Raises whatever
    Pillow raises for an unreadable file, and DecompressionBombError above 179 million pixels.
    """
    with Image.open(path) as image:
        # Only JPEG can be decoded at a half, a quarter or an eighth; Lanczos resizes from at least twice the size.
        image.draft(None, (2 * size, 2 * size))
        image.load()
        square = _centre(_flat(image), size)
        orientation = _orientation(image)
    if orientation in UPRIGHT:
        square = square.transpose(UPRIGHT[orientation])
    pixels = np.asarray(square.convert("L" if channels == 1 else "RGB"))
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # a broken EXIF block makes Pillow raise nearly anything, but the pixels are fine
        return 1


def _centre(image: Image.Image, size: int) -> Image.Image:
    # Cropped before resizing: a strip of 1 x 10,000 pixels would otherwise grow to hundreds of megabytes.
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _flat(image: Image.Image) -> Image.Image:
    """As 8-bit grey ("L") or RGB, without alpha."""
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_eight_bits(np.asarray(image)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image if image.mode == "L" else image.convert("L" if image.mode == "1" else "RGB")


def _eight_bits(levels: np.ndarray) -> np.ndarray:
    """Grey levels of 16 bits, 32 bits or floating point to uint8.

    Such files do not specify the white level. It is 65,535 for integers and 1 or 255 for floats, the smallest that
    covers all values; if none does, the highest value becomes white.
    """
    usual = (1.0, 255.0) if levels.dtype.kind == "f" else (65_535.0,)
    values = levels.astype(np.float64)
    highest = float(values.max(initial=0.0))
    if not np.isfinite(values).all():
        raise ValueError("pixels that are not finite")
    white = next((level for level in usual if highest <= level), highest)
    return np.rint(values.clip(0, white) * (255 / white)).astype(np.uint8)
