"""Tables of scores as text, for the terminal and as Markdown."""

from __future__ import annotations

import html
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ganzoo.errors import printable


@dataclass(frozen=True)
class ScoreTable:
    """A table. left: number of leading columns that contain words. best: cells to mark, as (row, column)."""

    title: str
    header: list[str]
    rows: list[list[str]]
    left: int = 1
    best: frozenset[tuple[int, int]] = frozenset()
    notes: list[str] = field(default_factory=list)

    @property
    def legend(self) -> list[str]:
        """What the star means, if a value has one; for plain text, where bold may not be seen."""
        return ["*: the best of those shown."] if self.best else []

    def markdown(self) -> str:
        """As a GitHub table with the best values in bold and the notes below."""
        rule = ["---" if number < self.left else "---:" for number in range(len(self.header))]
        lines = [_row(map(escape_markdown, self.header)), _row(rule)]
        for number, row in enumerate(self.rows):
            cells = [escape_markdown(text) for text in row]
            lines.append(_row(f"**{text}**" if (number, i) in self.best else text for i, text in enumerate(cells)))
        return "\n".join([*lines, *[f"\n{escape_markdown(note)}" for note in self.notes]]) + "\n"

    def text(self, width: int = 100) -> str:
        """As plain text with its title and its notes.

        If it is wider than `width` characters, it is transposed if that makes it narrower. Numbers are never cut.
        """
        output, table = io.StringIO(), self.rich()
        sizes = [Console(width=10_000).measure(each).minimum for each in (table, self.transposed().rich())]
        if sizes[0] > width and sizes[1] < sizes[0]:
            table = self.transposed().rich()
        needed = min(sizes) if sizes[0] > width else sizes[0]
        # In a notebook, rich would display it there.
        console = Console(file=output, width=max(width, needed), color_system=None, force_jupyter=False)
        console.print(table, highlight=False)
        lines = [line.rstrip() for line in output.getvalue().splitlines()]
        return "\n".join([*lines, *self.legend, *map(printable, self.notes)]).strip("\n")

    def html(self) -> str:
        """As an HTML table with its title, the best values in bold, and the notes below."""
        parts = [f"<p><strong>{_escaped(self.title)}</strong></p>"] if self.title else []
        head = "".join(f"<th>{_escaped(name)}</th>" for name in self.header)
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>")
        for number, row in enumerate(self.rows):
            cells = []
            for column, text in enumerate(row):
                marked = (number, column) in self.best
                align = ' style="text-align:left"' if column < self.left else ""
                cells.append(f"<td{align}>{'<strong>' * marked}{_escaped(text)}{'</strong>' * marked}</td>")
            parts.append(f"<tr>{''.join(cells)}</tr>")
        parts.append("</tbody></table>")
        return "".join([*parts, *(f"<p>{_escaped(note)}</p>" for note in self.notes)])

    def rich(self) -> RichTable:
        """As a rich table with its title and the best values in bold with a star; without the notes."""
        table = RichTable(title=self.title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for number, name in enumerate(self.header):
            # Columns stay narrow with the feature space on a separate line; words wrap, numbers do not.
            title = Text(name.replace("[", "\n[", 1).replace(" (", "\n(", 1))
            words = number < self.left
            least = None if words and self.left > 1 else max([len(row[number]) + 1 for row in self.rows], default=1)
            table.add_column(
                title, justify="left" if words else "right", min_width=least, overflow="fold", no_wrap=not words
            )
        for number, row in enumerate(self.rows):
            table.add_row(
                *[
                    Text(f"{text}*", style="bold") if (number, i) in self.best else Text(text)
                    for i, text in enumerate(row)
                ]
            )
        return table

    def transposed(self) -> ScoreTable:
        """The table with rows and columns exchanged."""
        header = [self.header[0], *[row[0] for row in self.rows]]
        rows = [[name, *[row[i] for row in self.rows]] for i, name in enumerate(self.header) if i]
        best = frozenset((column - 1, row + 1) for row, column in self.best)
        return ScoreTable(self.title, header, rows, 1, best, self.notes)

    def only(self, columns: Sequence[int]) -> ScoreTable:
        """The table with the columns of words and only these others, without the title and the notes."""
        kept = [*range(self.left), *columns]
        rows = [[row[i] for i in kept] for row in self.rows]
        best = frozenset((row, kept.index(column)) for row, column in self.best if column in kept)
        return ScoreTable("", [self.header[i] for i in kept], rows, self.left, best)


ZERO = 1e-9
"""Smaller scores are rounding errors around 0."""


def format_number(value: float, digits: int = 4) -> str:
    """A number with `digits` significant digits, or as an integer if it has more before the point: never 1.1e+02."""
    if abs(value) < ZERO:
        return "0"
    return f"{value:.{digits}g}" if abs(round(value)) < 10**digits else f"{value:.0f}"


def format_mean(mean: float, deviation: float | None, digits: int = 4) -> str:
    """`mean ± standard deviation`, both to the decimal place of the deviation's second significant digit.

    digits: significant digits of a mean without a deviation.
    """
    if deviation is None:
        return format_number(mean, digits)
    if deviation < ZERO:
        return f"{format_number(mean, digits)} ± 0"
    decimals = max(0, 1 - math.floor(math.log10(deviation)))
    shown = 0.0 if abs(mean) < ZERO else mean
    return f"{shown:.{decimals}f} ± {deviation:.{decimals}f}"


def format_duration(seconds: float) -> str:
    """Seconds in readable units: 42 s, 3 min 20 s, 5 h 10 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is: no cell separators, HTML or links of its own, and no control characters."""
    return html.escape(printable(text), quote=False).replace("|", "\\|").replace("](", "]\\(")


def _escaped(text: str) -> str:
    """Text that HTML shows as it is."""
    return html.escape(printable(text))


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
