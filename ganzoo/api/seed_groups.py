"""Runs that differ in their seed only, together: mean and standard deviation of each score, as tables and a figure."""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ganzoo.api.compared_run import Row, keys_to_show
from ganzoo.evaluation.comparability import Column
from ganzoo.evaluation.ideals import Better, best_of, decides
from ganzoo.evaluation.ideals import describe as better_in_words
from ganzoo.pictures import latex
from ganzoo.pictures.tables import ZERO, ScoreTable, format_mean, format_number

OVER_SEEDS = "±: standard deviation over seeds."
ARROWS = {"higher": r"$\uparrow$", "lower": r"$\downarrow$", "": ""}


@dataclass(frozen=True)
class Summary:
    """A score over the seeds: number and mean of the values.

    sd: sample standard deviation (n - 1), None for one value. real: the mean score of real data, if there is one.
    """

    n: int
    mean: float
    sd: float | None
    real: float | None


@dataclass(frozen=True)
class SeedGroup:
    """Runs of one recipe with different seeds. values: of the keys in which the groups differ."""

    rows: list[Row]
    values: list[str]

    @property
    def first(self) -> Row:
        return self.rows[0]

    @property
    def seeds(self) -> list[Any]:
        """The seeds, in the order of the runs."""
        return [row.seed for row in self.rows]

    def summary(self, column: Column) -> Summary | None:
        """Mean and standard deviation of a score over those runs that have it; None if none has."""
        scores = [row.scores[column.key] for row in self.rows if column.key in row.scores]
        if not scores:
            return None
        values, real = ([s[name] for s in scores if s.get(name) is not None] for name in ("value", "real"))
        deviation = statistics.stdev(values) if len(values) > 1 else None
        return Summary(len(values), statistics.fmean(values), deviation, statistics.fmean(real) if real else None)


@dataclass(frozen=True)
class SeedGroups:
    """Groups in the order of their first runs. keys: in which they differ. notes: what a table says below."""

    groups: list[SeedGroup]
    keys: list[str]
    columns: list[Column]
    notes: list[str]

    def __repr__(self) -> str:
        return self.table().text()

    def _repr_html_(self) -> str:
        return self.table().html()

    @property
    def labels(self) -> list[str]:
        """What tells each group from the others: its recipe if these differ, its data set, its values of the keys."""
        firsts = [group.first for group in self.groups]
        parts = []
        for group in self.groups:
            row = group.first
            named = [row.name] if len({other.name for other in firsts}) > 1 or not self.keys else []
            named += [f"on {row.data}"] if len({other.data for other in firsts}) > 1 else []
            pairs = zip(self.keys, group.values, strict=True)
            parts.append(" ".join([*named, *(f"{key}={value}" for key, value in pairs if value)]))
        return parts

    def table(self) -> ScoreTable:
        """A row for each group and one for real data; the best mean of a column is marked if several have one."""
        header = ["recipe", "data", *self.keys, "step", "weights", "seeds"]
        best = [self.best(column) for column in self.columns]
        marked = frozenset((n, len(header) + i) for i, found in enumerate(best) for n in found)
        rows = []
        for group in self.groups:
            row = group.first
            start = [row.name, row.data, *group.values, "" if row.step is None else str(row.step), row.weights]
            found = [group.summary(column) for column in self.columns]
            cells = ["" if one is None else format_mean(one.mean, one.sd) for one in found]
            rows.append([*start, str(len(group.rows)), *cells])
        real = [self.real(column) for column in self.columns]
        if any(value is not None for value in real):
            cells = ["" if value is None else format_number(value) for value in real]
            rows.append(["real data", *[""] * (len(header) - 1), *cells])
        titles = [column.title for column in self.columns]
        return ScoreTable("", [*header, *titles], rows, 2 + len(self.keys), marked, [OVER_SEEDS, *self.notes])

    def best(self, column: Column) -> list[int]:
        """Numbers of the groups with the best mean of a score; none if only one has it."""
        found = {n: one.mean for n, group in enumerate(self.groups) if (one := group.summary(column))}
        if len(found) < 2 or not decides(column.better):
            return []
        if len(set(found.values())) == 1:
            return []
        wanted = best_of(column.better, found.values())
        return [number for number, mean in found.items() if mean == wanted]

    def real(self, column: Column) -> float | None:
        """The mean score of real data over all groups; None if no run has one."""
        found = [one.real for group in self.groups if (one := group.summary(column)) and one.real is not None]
        return statistics.fmean(found) if found else None

    def csv(self) -> str:
        """A line for each group and one for real data, with all digits: for each score mean, sd and number of runs."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        scores = [f"{column.title}{part}" for column in self.columns for part in ("", " sd", " n")]
        writer.writerow(["recipe", "data", *self.keys, "step", "weights", "seeds", *scores])
        for group in self.groups:
            row = group.first
            cells: list[Any] = [row.name, row.data, *group.values, row.step, row.weights]
            cells.append(" ".join(map(str, group.seeds)))
            for column in self.columns:
                one = group.summary(column)
                cells += ["", "", ""] if one is None else [one.mean, "" if one.sd is None else one.sd, one.n]
            writer.writerow(map(_plain, cells))
        real = [self.real(column) for column in self.columns]
        if any(value is not None for value in real):
            blanks = [""] * (4 + len(self.keys))
            writer.writerow(["real data", *blanks, *[cell for value in real for cell in (_plain(value), "", "")]])
        return buffer.getvalue()

    def latex(self) -> str:
        """A tabular for the package booktabs: equal decimals in each column, the best means in bold."""
        firsts = [group.first for group in self.groups]
        names = len({row.name for row in firsts}) > 1 or not self.keys
        data = len({row.data for row in firsts}) > 1
        words = [*(["recipe"] if names else []), *(["data"] if data else []), *self.keys]
        titles, features = _short_titles(self.columns)
        arrows = [_arrow(column.better) for column in self.columns]
        header = [
            *map(latex.escape, words),
            *(f"{latex.escape(t)} {a}".strip() for t, a in zip(titles, arrows, strict=True)),
        ]
        cells = [self._latex_column(column) for column in self.columns]
        rows = []
        for number, group in enumerate(self.groups):
            start = [*([group.first.name] if names else []), *([group.first.data] if data else []), *group.values]
            rows.append([*map(latex.escape, start), *(column[number] for column in cells)])
        real = [column[-1] for column in cells]
        below = [["real data", *[""] * (len(words) - 1), *real]] if any(real) else []
        counts = sorted({len(group.rows) for group in self.groups})
        seeds = "1 seed" if counts == [1] else f"{' or '.join(map(str, counts))} seeds"
        comments = [f"Mean and standard deviation over {seeds}; the best means are bold.", *features, *self.notes]
        return latex.tabular(header, [rows, below], len(words), comments)

    def _latex_column(self, column: Column) -> list[str]:
        """The cells of a score, of each group and of real data, with equal decimals."""
        found = [group.summary(column) for group in self.groups]
        decimals = _decimals([one for one in found if one])
        best = self.best(column)
        cells = []
        for number, one in enumerate(found):
            mean = "" if one is None else _fixed(one.mean, decimals)
            deviation = "" if one is None or one.sd is None else _fixed(one.sd, decimals)
            cells.append(latex.number(mean, deviation, number in best) if one else "")
        real = self.real(column)
        return [*cells, "" if real is None else latex.number(_fixed(real, decimals))]


def group_by_seed(
    rows: Sequence[Row], columns: Sequence[Column], notes: Sequence[str], each: bool = False
) -> SeedGroups:
    """Put runs together that differ in their seed only: equal recipe, data, initial weights, step, and kind of weights.

    each: put none together.
    """
    keys = [key for key in keys_to_show(rows) if each or key != "seed"]
    found: list[tuple[str, list[Row]]] = []
    for number, row in enumerate(rows):
        identity = f"{number}" if each else _identity(row)
        fitting = [same for known, same in found if known == identity and row.seed not in [own.seed for own in same]]
        if fitting:
            fitting[0].append(row)
        else:
            found.append((identity, [row]))
    groups = [SeedGroup(same, [same[0].value(key) for key in keys]) for _, same in found]
    return SeedGroups(groups, keys, list(columns), list(notes))


def spreads_of(groups: SeedGroups) -> list[tuple[Column, list[tuple[float, float | None] | None], float | None]]:
    """For each score that has a best value: mean and deviation of each group, and the score of real data."""
    found = []
    for column in groups.columns:
        if decides(column.better):
            summaries = [group.summary(column) for group in groups.groups]
            rows = [None if one is None else (one.mean, one.sd) for one in summaries]
            found.append((column, rows, groups.real(column)))
    return found


def title_of(column: Column) -> str:
    """A score with its direction, in words."""
    return f"{column.title} ({better_in_words(column.better)})"


def _identity(row: Row) -> str:
    keys = {key: value for key, value in row.keys.items() if key not in ("seed", "init_from")}
    started = row.run.info.get("initialised")
    sha = started.get("sha256") if isinstance(started, dict) else None
    about = [row.name, row.run.info["data"], keys, sha, row.step, row.weights, row.run.at_best]
    return json.dumps(about, sort_keys=True)


def _short_titles(columns: Sequence[Column]) -> tuple[list[str], list[str]]:
    """Titles without the features of those whose names are clear without them, and comments that name the features."""
    names = [column.title.partition("[")[0] for column in columns]
    short = [n if names.count(n) == 1 else c.title for n, c in zip(names, columns, strict=True)]
    spaces = [column.title.partition("[")[2].rpartition("]")[0] for column in columns]
    left_out: dict[str, list[str]] = {}
    for title, space in zip(short, spaces, strict=True):
        if space and "[" not in title:
            left_out.setdefault(space, []).append(title)
    return short, [f"Features of {', '.join(titles)}: {space}." for space, titles in left_out.items()]


def _arrow(better: Better) -> str:
    """The direction of a score, in LaTeX."""
    return ARROWS[better] if isinstance(better, str) else rf"$\to {better:g}$"


def _decimals(found: Sequence[Summary]) -> int:
    """Decimals for a column: two digits of its median standard deviation, else four of its largest mean."""
    deviations = [one.sd for one in found if one.sd is not None and one.sd >= ZERO]
    if deviations:
        return min(6, max(0, 1 - math.floor(math.log10(statistics.median_low(deviations)))))
    largest = max([abs(one.mean) for one in found], default=0.0)
    return 3 if largest < ZERO else min(6, max(0, 3 - math.floor(math.log10(largest))))


def _fixed(value: float, decimals: int) -> str:
    """A number with that many decimals, and never -0."""
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _plain(cell: Any) -> Any:
    """A cell of a .csv file: text that a spreadsheet does not take for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+@\t" and cell else "" if cell is None else cell
