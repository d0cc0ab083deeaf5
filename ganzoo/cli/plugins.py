"""`ganzoo plugins`: installed plugins and what they add; `ganzoo plugins new`: the package of a new plugin."""

from __future__ import annotations

import json
from typing import Any

import click

from ganzoo.cli import cli
from ganzoo.cli.output import plain_console, say, warn
from ganzoo.errors import printable
from ganzoo.zoo.loading import Plugin
from ganzoo.zoo.scaffold import KINDS, LICENCES, create
from ganzoo.zoo.tables import SINGULAR, TYPES
from ganzoo.zoo.zoo import Zoo, current_zoo


@click.group("plugins", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List plugins: what each adds, or why it was left out."""
    if ctx.invoked_subcommand is not None:
        return
    debug = bool(ctx.find_root().params.get("debug"))
    found = current_zoo()
    cli.load_plugins(quiet=True)
    rows = [describe(found, plugin) for plugin in found.plugins]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    # Imported here, as `ganzoo --help` imports this file.
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("plugin", "package", "version"):
        table.add_column(column)
    table.add_column("ms", justify="right")
    table.add_column("adds", overflow="fold")
    for row in rows:
        adds = "left out, see below" if row["error"] else describe_additions(row["adds"])
        cells = (row["name"], row["package"], row["version"], f"{row['ms']:.0f}", adds)
        table.add_row(*map(printable, cells))
    plain_console().print(table)
    for plugin in found.plugins:
        print_problems(plugin, debug)


@command.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(list(KINDS)), default="variant", show_default=True, help="What it adds.")
@click.option("--licence", type=click.Choice(list(LICENCES)), default="apache-2.0", show_default=True, help="Licence.")
@click.option("--into", type=click.Path(), default=".", help="Folder to write the package's folder into [default: .].")
def new(name: str, kind: str, licence: str, into: str) -> None:
    """Write the package of a new plugin into the folder NAME: entry point, card, tests, README, licence, CI file."""
    taken = cli.list_commands(click.Context(cli)) if kind == "command" else ()
    folder = create(name, kind, licence, into, taken)
    first = KINDS[kind][2].format(thing=name.removeprefix("ganzoo-"))
    say(f"wrote {folder}", f"next: pip install -e {folder} && pytest {folder}", f"      {first}")


def describe(found: Zoo, plugin: Plugin) -> dict[str, Any]:
    """One row, for the terminal and for JSON."""
    adds: dict[str, Any] = {kind: names for kind, names in plugin.adds.items() if names}
    if found.implements(plugin, "ganzoo_callbacks"):
        adds["callbacks"] = True
    return {
        "name": plugin.name,
        "package": plugin.package,
        "version": plugin.version,
        "module": plugin.target,
        "ms": round(1000 * plugin.seconds, 1),
        "adds": adds,
        "error": plugin.reason,
        "notes": plugin.notes,
    }


def describe_additions(adds: dict[str, Any]) -> str:
    """What a plugin adds, in words: `variant dcgan; 7 losses`."""
    parts = []
    for kind in (*TYPES, "commands"):
        names = adds.get(kind, [])
        if len(names) == 1:
            parts.append(f"{SINGULAR.get(kind, 'command')} {names[0]}")
        elif names:
            parts.append(f"{kind} {', '.join(names)}" if len(names) < 6 else f"{len(names)} {kind}")
    if "callbacks" in adds:
        parts.append("callbacks")
    return "; ".join(parts) or "nothing"


def print_problems(plugin: Plugin, debug: bool) -> None:
    """Print what is wrong with a plugin on standard error."""
    if plugin.error:
        warn(plugin.problem)
        if debug and plugin.trace:
            click.echo(plugin.trace, err=True)
    for note in plugin.notes:
        warn(f"{plugin.source}: {note}")
