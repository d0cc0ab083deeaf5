"""`ganzoo list`: the names in the zoo."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ganzoo import plugins
from ganzoo.cli import warn
from ganzoo.registry import TYPES


@click.command("list")
@click.argument("kind", type=click.Choice(list(TYPES)), default="variants")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(kind: str, as_json: bool) -> None:
    """List variants, datasets, losses, penalties or metrics."""
    zoo = plugins.zoo()
    rows = [describe(kind, spec, zoo.tables[kind].source(name)) for name, spec in zoo.tables[kind].items()]
    for plugin in zoo.plugins:
        if plugin.error:
            warn(plugin.problem)
        for note in plugin.notes:
            warn(f"{plugin.source}: {note}")
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(kind)
    table.add_column("what it is")
    if kind == "variants":
        table.add_column("recipes")
    for row in rows:
        cells = [row["name"], row["summary"]]
        if kind == "variants":
            cells.append(", ".join(row["recipes"]))
        table.add_row(*cells)
    console.print(table)
    if kind == "variants":
        console.print("\ntrain one: ganzoo train NAME    what it is: ganzoo show NAME")


def describe(kind: str, spec: Any, source: str) -> dict[str, Any]:
    """One row, for people and for JSON."""
    row: dict[str, Any] = {"name": spec.name, "summary": spec.summary, "source": source}
    for name in ("paper", "modality", "modalities", "kinds", "weight", "labelled", "needs_labels"):
        if hasattr(spec, name):
            row[name] = getattr(spec, name)
    if kind == "variants":
        row["recipes"] = list(spec.recipes)
    return row
