"""The columns of series: names, and how their values are scaled; recorded in `DataSpec.note`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganzoo.recipes import DataSpec

KEYS = ("columns", "offset", "scale", "decimals", "mean", "deviation", "kurtosis")


@dataclass(frozen=True)
class Columns:
    """Names of the F columns, and how values in the data's range become values in the user's units.

    A value is `offset + scale * x`, rounded to `decimals` (None: as many digits as a float32 has).
    """

    names: tuple[str, ...]
    offset: np.ndarray
    scale: np.ndarray
    decimals: tuple[int | None, ...]

    def in_units(self, x: np.ndarray) -> np.ndarray:
        """Values in the user's units, float64 `[..., F]`."""
        return np.asarray(x, np.float64) * self.scale + self.offset

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """The inverse of `in_units`, float32."""
        return ((np.asarray(values, np.float64) - self.offset) / self.scale).astype(np.float32)

    def text(self, values: Sequence[float]) -> list[str]:
        """A row of values in the user's units as it is written to a file."""
        return [
            f"{value:.9g}" if digits is None else f"{value:.{digits}f}"
            for value, digits in zip(values, self.decimals, strict=True)
        ]


def columns_of(spec: DataSpec) -> Columns:
    """The columns that a data set describes in its note; numbered columns without a scale if it has none."""
    note, width = spec.note, spec.shape[1]
    names = tuple(note.get("columns", [f"column {number}" for number in range(1, width + 1)]))
    offset, scale = (np.asarray(note.get(key, [default] * width), float) for key, default in DEFAULTS.items())
    return Columns(names, offset, scale, tuple(note.get("decimals", [None] * width)))


DEFAULTS = {"offset": 0.0, "scale": 1.0}


def min_max(names: Sequence[str], values: np.ndarray, decimals: Sequence[int | None]) -> Columns:
    """Columns scaled to [-1, 1]: `values [R, F]` in the user's units. One that is constant becomes 0."""
    low, high = values.min(0), values.max(0)
    scale = (high - low) / 2
    return Columns(tuple(names), (low + high) / 2, np.where(scale > 0, scale, 1.0), tuple(decimals))


def note(columns: Columns, x: np.ndarray, **more: Any) -> Mapping[str, Any]:
    """What `DataSpec.note` keeps: the columns, and mean, deviation and kurtosis of the training data `x [R, F]`."""
    mean, deviation = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
    deviation = np.where(deviation > 0, deviation, 1.0)
    kurtosis = (((x - mean) / deviation) ** 4).mean(0)
    found = (columns.names, columns.offset, columns.scale, columns.decimals, mean, deviation, kurtosis)
    return {key: np.asarray(part).tolist() for key, part in zip(KEYS, found, strict=True)} | more
