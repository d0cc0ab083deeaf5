"""What reaches the terminal. Names and texts may come from a plugin, a run folder or a file, so all are escaped."""

from __future__ import annotations

import sys

import click
from rich.console import Console

from ganzoo.errors import printable


def say(*lines: str) -> None:
    """Print lines on standard output, unbuffered."""
    for line in lines:
        click.echo(printable(line))
    sys.stdout.flush()


def warn(text: str) -> None:
    """Print a warning on standard error."""
    click.secho(f"warning: {printable(text)}", fg="yellow", err=True)


def fail(text: str, code: int) -> int:
    """Print an error line; returns the code."""
    click.secho(f"error: {printable(text)}", fg="red", err=True)
    return code


def plain_console(width: int | None = None) -> Console:
    """A console for tables that prints square brackets and colons as they are."""
    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)
