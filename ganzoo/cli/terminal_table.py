"""Tables on the terminal."""

from __future__ import annotations

import shutil
import sys

import click
from rich.console import Console

from ganzoo.pictures.tables import ScoreTable


def show(table: ScoreTable, width: int | None = None) -> None:
    """Print a table and its notes.

    width: in characters, by default the terminal's, unlimited in a pipe or a file. A wider table is transposed if that
    makes it narrower.
    """
    if width is None and sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
    if width is not None and width_of(table) > width and width_of(table.transposed()) < width_of(table):
        table = table.transposed()
    Console(file=sys.stdout, width=width or width_of(table), highlight=False).print(table.rich())
    for note in table.notes:
        click.echo(note)


def width_of(table: ScoreTable) -> int:
    """The width of the table in characters if nothing is wrapped."""
    return Console(width=10_000).measure(table.rich()).maximum
