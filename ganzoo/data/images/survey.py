"""What a folder's files have in common: the range of grey levels of more than 8 bits, and whether there is alpha."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ganzoo.data.images.decode import image_endings, is_deep
from ganzoo.data.images.listing import Listing
from ganzoo.data.levels import Levels, infer, number
from ganzoo.errors import GanzooError
from ganzoo.files.atomic import write_atomically

CAN_BE_DEEP = (".png", ".tif", ".tiff", ".pgm", ".ppm")
PNG_HEADER = 26
"""Bytes of a PNG file up to its colour type; the byte before that is the number of bits."""


@dataclass(frozen=True)
class Deep:
    """Files of more than 8 bits: how many, of which kinds of numbers ("i", "f"), and the lowest and highest value."""

    files: int
    kinds: str
    lowest: float
    highest: float


def levels_of(store: Path, folder: Path, listing: Listing) -> tuple[Levels | None, str]:
    """What is black and white in the files of more than 8 bits, and a line about it; None if there are none.

    One rule for the whole folder, from the lowest and highest value in it, which are kept in `store`. Raises
    GanzooError, naming the keys that decide, if they could mean several things.
    """
    file = store / f"levels-{listing.identity(folder)[:32]}.json"
    try:
        found = json.loads(file.read_text("ascii"))
        deep = Deep(**found) if found else None
    except (OSError, ValueError, TypeError):
        deep = _measure(folder, list(listing.names))
        if any(_can_be_deep(name) for name in listing.names):
            _keep(file, deep)
    if deep is None:
        return None, ""
    if len(deep.kinds) > 1:
        raise GanzooError(
            f"{folder} cannot be used: some of its grey images hold integers and some floats "
            f"({number(deep.lowest)} to {number(deep.highest)}): set data.low and data.high to what is black and white."
        )
    dtype = np.dtype(np.float32 if deep.kinds == "f" else np.int64)
    levels, why = infer(str(folder), dtype, deep.lowest, deep.highest)
    return levels, f"{deep.files:,} images of more than 8 bits: {why}: {levels}"


def has_alpha(folder: Path, listing: Listing) -> bool:
    """Whether the first image that can be read has an alpha channel or transparent colours."""
    for name in listing.names:
        try:
            with Image.open(folder / name) as image:
                return image.has_transparency_data
        except Exception:  # Pillow raises nearly anything for a damaged file, which the loader reports as skipped
            continue
    return False


def _keep(file: Path, deep: Deep | None) -> None:
    try:
        write_atomically(file, json.dumps(None if deep is None else vars(deep)).encode("ascii"))
    except OSError:
        return  # the decoded images could not be written either, which is reported


def _measure(folder: Path, names: list[str]) -> Deep | None:
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.simplefilter("ignore")
        ranges = [found for found in pool.map(lambda name: _range(folder / name), _candidates(names)) if found]
    if not ranges:
        return None
    kinds, lowest, highest = zip(*ranges, strict=True)
    return Deep(len(ranges), "".join(sorted(set(kinds))), min(lowest), max(highest))


def _candidates(names: list[str]) -> Iterator[str]:
    return (name for name in names if _can_be_deep(name))


def _can_be_deep(name: str) -> bool:
    """Whether a file may have more than 8 bits: by its ending, unless that is no image's."""
    ending = Path(name).suffix.lower()
    return ending in CAN_BE_DEEP or ending not in image_endings()


def _range(path: Path) -> tuple[str, float, float] | None:
    """The kind of number, and the lowest and highest value, of a file of more than 8 bits; None for any other file."""
    try:
        if path.suffix.lower() == ".png":
            with path.open("rb") as file:
                header = file.read(PNG_HEADER)
            # 16 bits, grey without alpha; Pillow reads all other kinds as 8 bits.
            if header[:8] == b"\x89PNG\r\n\x1a\n" and header[24:26] != b"\x10\x00":
                return None
        with Image.open(path) as image:
            if not is_deep(image.mode):
                return None
            values = np.asarray(image)
    except Exception:  # Pillow raises nearly anything for a damaged file, which the loader reports as skipped
        return None
    if not np.isfinite(values).all():
        return None
    return "f" if values.dtype.kind == "f" else "i", float(values.min()), float(values.max())
