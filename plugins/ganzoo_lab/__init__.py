"""lab: pages in the browser that play variants and follow runs, and a server of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def ganzoo_commands(cli: click.Group) -> None:
    from ganzoo_lab.command import lab, serve, watch

    cli.add_command(lab)
    cli.add_command(watch)
    cli.add_command(serve)
