"""Pictures as part of a page: read safely, made small, and written into it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops

from ganzoo.pictures import sheets

WIDEST, TALLEST = 900, 1800
"""Pixels; larger pictures are made smaller."""

LOSSLESS = 60_000
"""Bytes up to which a picture is PNG; larger ones are WebP."""


@dataclass(frozen=True)
class Picture:
    """A picture. uri: its content, as the address of an image."""

    uri: str
    width: int
    height: int


def read_picture(path: Path, widest: int = WIDEST) -> Picture | None:
    """A picture of a run folder; None if there is none that can be read."""
    image = sheets.read(path) if path.is_file() else None
    return None if image is None else inlined(image, widest)


def inlined(image: Image.Image, widest: int = WIDEST) -> Picture:
    """An RGB picture as an address."""
    if is_grey(image):
        image = image.convert("L")
    if image.width > widest or image.height > TALLEST:
        image = image.copy()
        image.thumbnail((widest, TALLEST), Image.Resampling.LANCZOS)
    kind, content = "png", sheets.encoded(image, ".png")
    if len(content) > LOSSLESS:
        kind, content = "webp", sheets.encoded(image, ".webp", quality=82)
    return Picture(f"data:image/{kind};base64,{base64.b64encode(content).decode()}", image.width, image.height)


def is_grey(image: Image.Image) -> bool:
    """Whether the three channels of an RGB picture are equal."""
    red, green, blue = image.split()
    return all(ImageChops.difference(a, b).getbbox() is None for a, b in ((red, green), (green, blue)))
