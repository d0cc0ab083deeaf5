"""What reaches the terminal. Names and texts may come from a plugin, a run folder or a file, so all are escaped."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

import click

from ganzoo.errors import printable

if TYPE_CHECKING:
    from rich.console import Console


def say(*lines: str) -> None:
    """Print lines on standard output, unbuffered."""
    for line in lines:
        click.echo(printable(line))
    sys.stdout.flush()


def say_wrapped(*lines: str) -> None:
    """Print lines of words; on a terminal they are broken between them. Not for commands, which are copied."""
    for line in lines:
        say(*(wrap(line, "  ") if sys.stdout.isatty() else [line]))


def wrap(text: str, indent: str = "") -> list[str]:
    """The lines of a text, broken between words where the terminal ends. Not by rich, which takes a while to import.

    indent: before all lines but the first.
    """
    width = shutil.get_terminal_size().columns
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def paragraph(label: str, text: str) -> str:
    """A label with wrapped text beside it. Not a table of rich, which takes a third of the time budget of `list`."""
    indent = " " * (len(label) + 2)
    columns = min(shutil.get_terminal_size().columns, 110)
    wide = max(columns, len(indent) + 30)
    return textwrap.fill(text, wide, initial_indent=f"{label}  ", subsequent_indent=indent, break_on_hyphens=False)


def warn(text: str) -> None:
    """Print a warning on standard error."""
    click.secho(f"warning: {printable(text)}", fg="yellow", err=True)


def fail(text: str, code: int) -> int:
    """Print an error line; returns the code."""
    click.secho(f"error: {printable(text)}", fg="red", err=True)
    return code


def plain_console(width: int | None = None) -> Console:
    """A console for tables that prints square brackets and colons as they are."""
    # rich takes a while to import, and most commands print no table.
    from rich.console import Console

    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)
