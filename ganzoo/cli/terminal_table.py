"""Tables on the terminal."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace

from rich.console import Console

from ganzoo.cli.output import plain_console, say_wrapped
from ganzoo.pictures.tables import ScoreTable


def show(table: ScoreTable, width: int | None = None) -> None:
    """Print a table and its notes. Numbers are never cut.

    width: in characters, by default the terminal's, unlimited in a pipe or a file. A wider table is transposed if that
    makes it narrower, and what is still too wide is printed in blocks of columns, one below the other.
    """
    if width is None and sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
    if width is not None and width_of(table) > width and width_of(table.transposed()) < width_of(table):
        table = table.transposed()
    for block in [table] if width is None else blocks(table, width):
        plain_console(max(width or width_of(block), narrowest(block))).print(block.rich())
    say_wrapped(*table.legend, *table.notes)


def blocks(table: ScoreTable, width: int) -> list[ScoreTable]:
    """The table as tables that are at most `width` wide, each with the columns of words and some of the others."""
    if narrowest(table) <= width or len(table.header) - table.left < 2:
        return [table]
    found: list[list[int]] = [[]]
    for column in range(table.left, len(table.header)):
        if found[-1] and narrowest(table.only([*found[-1], column])) > width:
            found.append([])
        found[-1].append(column)
    first, *rest = [table.only(columns) for columns in found]
    return [replace(first, title=table.title), *rest]


def width_of(table: ScoreTable) -> int:
    """The width of the table in characters if nothing is wrapped."""
    return Console(width=10_000).measure(table.rich()).maximum


def narrowest(table: ScoreTable) -> int:
    """The width of the table in characters if words are wrapped; numbers are not."""
    return Console(width=10_000).measure(table.rich()).minimum
