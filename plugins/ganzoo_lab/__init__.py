"""lab: a page in the browser that plays any variant of the zoo, live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def ganzoo_commands(cli: click.Group) -> None:
    from ganzoo_lab.command import lab, watch

    cli.add_command(lab)
    cli.add_command(watch)
