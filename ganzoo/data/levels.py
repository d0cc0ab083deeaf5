"""Which value of an image is black and which is white: one rule for a whole data set."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganzoo.errors import GanzooError
from ganzoo.recipes import Data

CHUNK = 1024
"""Number of images scaled at a time, so that the floating-point copy stays small."""

DEPTHS = (8, 10, 12, 14, 16, 32)
"""Bits per pixel that are in use."""

TOLERANCE = 1e-3
"""How far a floating-point image may exceed its range due to rounding."""

DARK = 32
"""8-bit images whose highest value is below this are reported, as they are nearly black."""


class Levels(NamedTuple):
    """The values that are black and white. chosen: whether the user set them, so that they hold for 8 bits too."""

    low: float
    high: float
    chosen: bool = False

    def __str__(self) -> str:
        return f"{number(self.low)} is black and {number(self.high)} white"


def requested(data: Data, whose: str) -> Levels | None:
    """The levels of data.low and data.high; None if neither is set. Raises GanzooError for others than low < high."""
    if data.low is None and data.high is None:
        return None
    low = 0.0 if data.low is None else data.low
    if data.high is None:
        raise GanzooError(f"{whose}: data.low says what is black; set data.high to what is white too.")
    if not low < data.high:
        raise GanzooError(
            f"{whose}: data.low ({number(low)}) must be below data.high ({number(data.high)}): "
            "set them to what is black and what is white."
        )
    return Levels(low, data.high, chosen=True)


def infer(whose: str, dtype: np.dtype, lowest: float, highest: float) -> tuple[Levels, str]:
    """The levels of a data set whose values are from `lowest` to `highest`, and why, in words.

    Booleans and the integers 0 and 1 are masks; other integers from 0 use the smallest number of bits that holds them;
    floats are in [0, 1], or in [-1, 1] if some are below -0.5. Raises GanzooError, naming the keys that decide, for
    everything else.
    """
    values = f"values {number(lowest)} to {number(highest)}"
    if dtype.kind == "b" or (dtype.kind in "iu" and lowest == 0 and highest == 1):
        return Levels(0, 1), "masks of 0 and 1"
    if dtype == np.uint8:
        dark = 1 < highest < DARK
        return Levels(0, 255), f"{values}, so nearly black: set data.high to what is white" if dark else "8 bits"
    if dtype.kind in "iu" and lowest >= 0:
        bits = next((bits for bits in DEPTHS if highest < 2**bits), 64)
        return Levels(0, 2**bits - 1), f"{values}, read as {bits} bits"
    if dtype.kind == "f" and lowest >= -TOLERANCE and highest <= 1 + TOLERANCE:
        return Levels(0, 1), values
    if dtype.kind == "f" and -1 - TOLERANCE <= lowest <= -0.5 and highest <= 1 + TOLERANCE:
        return Levels(-1, 1), values
    rule = ""
    if dtype.kind == "f":
        rule = "; without them, floats must be in [0, 1] or [-1, 1]"
        if lowest < 0 and lowest >= -1 and highest <= 1 + TOLERANCE:
            rule += ", and these could be either"
    raise GanzooError(
        f"{whose} cannot be used: its images range from {number(lowest)} to {number(highest)}: "
        f"set data.low and data.high to what is black and what is white{rule}."
    )


def scale(values: np.ndarray, levels: Levels) -> np.ndarray:
    """Values `[N, ...]` as uint8, black 0 and white 255; what is beyond them is clipped."""
    if values.dtype == np.uint8 and levels[:2] == (0, 255):
        return np.ascontiguousarray(values)
    out = np.empty(values.shape, np.uint8)
    for at in range(0, len(values), CHUNK):
        chunk = values[at : at + CHUNK].astype(np.float64)
        out[at : at + CHUNK] = np.rint((chunk - levels.low) * (255 / (levels.high - levels.low))).clip(0, 255)
    return out


def number(value: float) -> str:
    """A value as people write it: 4,095 or -0.02."""
    return f"{int(value):,}" if value == int(value) else f"{value:g}"
