"""Curves as the coordinates of an SVG picture: values over steps, of one run or of several."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ganzoo.pictures.tables import format_number
from ganzoo.reporting.bounds import text

WIDTH, HEIGHT = 480, 250
LEFT, RIGHT, TOP, BOTTOM = 58, 22, 12, 30

BUCKETS = 300
"""Points of a line, at most: of more values the means are drawn, within a band from the lowest to the highest."""

LARGEST = 1e30

OUTLIERS = 20.0
"""How many times wider than the range of most values the range of all values must be to be cut."""

COLOURS = 10


@dataclass(frozen=True)
class Series:
    """Values over steps: pairs of step and value. colour: a number that the style sheet gives a colour."""

    label: str
    points: Sequence[tuple[float, float]]
    colour: int


@dataclass(frozen=True)
class Level:
    """A horizontal line, with what it is."""

    label: str
    value: float
    y: float = 0.0


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Line:
    """A curve. path, band: SVG path data. dots: the points, if there are few. values: of a row below the picture."""

    label: str
    colour: int
    path: str
    band: str
    dots: list[tuple[float, float]]
    values: list[str]


@dataclass(frozen=True)
class Mark:
    """A point of interest."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class Chart:
    """A picture of curves. notes: sentences below it. description: what it shows, in words."""

    title: str
    lines: list[Line]
    levels: list[Level]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    description: str
    notes: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True)
class Scale:
    """From values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a value, within the picture."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def chart(
    title: str,
    series: Iterable[Series],
    levels: Sequence[Level] = (),
    notes: Sequence[str] = (),
    marked: Sequence[tuple[float, float, str]] = (),
) -> Chart | None:
    """A picture of curves; None if there is nothing to draw. marked: points of interest as step, value and label."""
    given = [Series(each.label, list(each.points), each.colour) for each in series]
    drawn = [each for each in given if any(map(drawable, each.points))]
    if not drawn:
        return None
    values = [value for each in drawn for _, value in filter(drawable, each.points)]
    steps = [step for each in drawn for step, _ in each.points]
    low, high, cut = value_range(values, [level.value for level in levels])
    x = Scale(*spread(min(steps), max(steps)), LEFT, WIDTH - RIGHT)
    y = Scale(low, high, HEIGHT - BOTTOM, TOP)
    lines = [_line(each, x, y) for each in drawn]
    first, last = min(steps), max(steps)
    ends = "; ".join(f"{line.label} from {line.values[0]} to {line.values[1]}" for line in lines[:COLOURS])
    said = [f"Values beyond {_number(low)} and {_number(high)} are drawn at the edge."] if cut else []
    return Chart(
        title=title,
        lines=lines,
        levels=[Level(level.label, level.value, y.at(level.value)) for level in levels],
        x_ticks=[Tick(x.at(value), label) for value, label in ticks(x.low, x.high, 5, whole=True)],
        y_ticks=[Tick(y.at(value), label) for value, label in ticks(y.low, y.high, 5)],
        description=f"{title} over the steps {first:,.0f} to {last:,.0f}: {ends}.",
        notes=[*notes, *said],
        marks=[Mark(x.at(step), y.at(value), label) for step, value, label in marked],
    )


def drawable(point: tuple[float, float]) -> bool:
    """Whether a point's value is finite and not too large for a picture."""
    return abs(point[1]) < LARGEST


def value_range(values: Sequence[float], levels: Sequence[float]) -> tuple[float, float, bool]:
    """The lowest and highest value of the axis, and whether some values are beyond it.

    A few values that are far from all others, as when training diverges, do not make these a flat line.
    """
    ordered = sorted(values)
    low, high = ordered[0], ordered[-1]
    usual = ordered[int(0.02 * (len(ordered) - 1))], ordered[math.ceil(0.98 * (len(ordered) - 1))]
    room = usual[1] - usual[0]
    cut = room > 0 and high - low > OUTLIERS * room
    if cut:
        low, high = max(low, usual[0] - 0.5 * room), min(high, usual[1] + 0.5 * room)
    near = [value for value in levels if abs(value) < LARGEST]
    low, high = spread(min([low, *near]), max([high, *near]))
    pad = 0.04 * (high - low)
    return low - pad, high + pad, cut


def spread(low: float, high: float) -> tuple[float, float]:
    """A range that is not empty."""
    return (low, high) if high - low > 1e-12 * max(abs(low), abs(high), 1e-300) else (low - 0.5, high + 0.5)


def ticks(low: float, high: float, count: int, whole: bool = False) -> list[tuple[float, str]]:
    """Round numbers within a range, with their labels. whole: only whole numbers."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= 0.999 * raw)
    step = max(1.0, step) if whole else step
    digits = max(0, -math.floor(math.log10(step)))
    large = max(abs(low), abs(high)) >= 1e6
    found = []
    for number in range(math.ceil(low / step), math.floor(high / step) + 1):
        value = number * step
        label = f"{value:.3g}" if (large and not whole) or digits > 6 else f"{value:,.{digits}f}"
        found.append((value, label))
    return found


def _line(series: Series, x: Scale, y: Scale) -> Line:
    points = sorted(series.points)
    means, lows, highs = _thinned(points, x)
    finite = [(step, value) for step, value in points if drawable((step, value))]
    band = ""
    if lows:
        edge = [f"{x.at(step)},{y.at(value)}" for step, value in [*highs, *reversed(lows)]]
        band = f"M{' L'.join(edge)}Z"
    values = [value for _, value in finite]
    shown = [_number(value) for value in (values[0], values[-1], min(values), max(values))]
    dots = [(x.at(step), y.at(value)) for step, value in finite] if len(points) <= 30 else []
    return Line(text(series.label, 80), series.colour % COLOURS, _path(means, x, y), band, dots, shown)


def _path(points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    """A line with gaps where a value is not finite or too large."""
    parts, pen = [], "M"
    for step, value in points:
        if drawable((step, value)):
            parts.append(f"{pen}{x.at(step)},{y.at(value)}")
            pen = "L"
        else:
            pen = "M"
    return "".join(parts)


Points = list[tuple[float, float]]


def _thinned(points: Sequence[tuple[float, float]], x: Scale) -> tuple[Points, Points, Points]:
    """Means, lowest and highest values of neighbouring points; if there are few points, these alone."""
    if len(points) <= BUCKETS:
        return list(points), [], []
    groups: dict[int, Points] = {}
    for step, value in points:
        groups.setdefault(int((step - x.low) / (x.high - x.low) * (BUCKETS - 1)), []).append((step, value))
    means, lows, highs = [], [], []
    for group in groups.values():
        step = sum(step for step, _ in group) / len(group)
        values = [value for point in group if drawable(point) for value in point[1:]]
        means.append((step, sum(values) / len(values) if values else math.nan))
        if values:
            lows.append((step, min(values)))
            highs.append((step, max(values)))
    return means, lows, highs


def _number(value: float) -> str:
    return format_number(value) if abs(value) < 1e6 else f"{value:.3g}"
