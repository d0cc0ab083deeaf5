"""One image file, of whatever kind, to one small square of uint8 pixels."""

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
"""What turns a picture of each EXIF orientation (EXIF 2.3, tag 274) upright."""


def read_square(path: Path, size: int, channels: int) -> np.ndarray:
    """Read an image file as uint8 `[channels, size, size]`, channels 1 (BT.601 luma) or 3 (RGB).

    The short side is resized to `size` (Lanczos, antialiased) and the centre kept. Alpha lies on white, 16 bits are
    scaled to 8, EXIF orientation is applied, and of an animation the first frame is taken. Raises whatever Pillow
    raises for a file that it cannot read, and DecompressionBombError above 179 million pixels.
    """
    with Image.open(path) as image:
        # JPEG alone can be decoded at a half, a quarter or an eighth; twice the size is left for Lanczos to work on.
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
    except Exception:  # a broken EXIF block makes Pillow raise nearly anything; the pixels are good all the same
        return 1


def _centre(image: Image.Image, size: int) -> Image.Image:
    # Cropped before it is resized: a strip of 1 x 10,000 pixels would else grow to hundreds of megabytes.
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

    Nothing in such files says which level is white. Integers are taken as 16-bit; floats as up to 1 or up to 255,
    whichever holds them; what exceeds that has its highest level made white.
    """
    usual = (1.0, 255.0) if levels.dtype.kind == "f" else (65_535.0,)
    values = levels.astype(np.float64)
    highest = float(values.max(initial=0.0))
    if not np.isfinite(values).all():
        raise ValueError("pixels that are not finite")
    white = next((level for level in usual if highest <= level), highest)
    return np.rint(values.clip(0, white) * (255 / white)).astype(np.uint8)
