"""`ganzoo completion`: shell completion of commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from ganzoo.cli import cli


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for a shell.

    For example: eval "$(ganzoo completion bash)"
    """
    cls = get_completion_class(shell)
    assert cls is not None
    click.echo(cls(cli, {}, "ganzoo", "_GANZOO_COMPLETE").source())
