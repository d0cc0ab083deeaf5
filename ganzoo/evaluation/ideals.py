"""Which of several values of a score is best: the highest, the lowest, or the one nearest to an ideal value."""

from __future__ import annotations

from collections.abc import Iterable

Better = str | float
"""What MetricSpec.better says of a value: "higher", "lower", "" for neither, or the number that is best."""


def best_of(better: Better, values: Iterable[float]) -> float:
    """The best of the values."""
    if better == "higher":
        return max(values)
    if better == "lower":
        return min(values)
    ideal = float(better)
    return min(values, key=lambda value: abs(value - ideal))


def is_better(better: Better, value: float, bar: float) -> bool:
    """Whether a value is better than another one."""
    return value != bar and best_of(better, (bar, value)) == value


def decides(better: Better) -> bool:
    """Whether any value is better than another: not for ""."""
    return better != ""


def describe(better: Better) -> str:
    """In words: "higher is better", "0 is best"; "" for neither."""
    if isinstance(better, str):
        return f"{better} is better" if better else ""
    return f"{better:g} is best"
