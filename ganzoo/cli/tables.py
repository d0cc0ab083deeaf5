"""Tables on the terminal."""

from __future__ import annotations

import shutil
import sys

import click
from rich.console import Console

from ganzoo.pictures.tables import Table


def show(table: Table, width: int | None = None) -> None:
    """Print a table and its notes.

    width: in characters, by default the terminal's, and none in a pipe or a file. A table that is wider is turned on
    its side, where that is narrower.
    """
    if width is None and sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
    if width is not None and width_of(table) > width and width_of(table.transposed()) < width_of(table):
        table = table.transposed()
    Console(file=sys.stdout, width=width or width_of(table), highlight=False).print(table.rich())
    for note in table.notes:
        click.echo(note)


def width_of(table: Table) -> int:
    """How many characters the table takes where nothing is wrapped."""
    return Console(width=10_000).measure(table.rich()).maximum
