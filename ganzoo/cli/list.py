"""`ganzoo list`: the names in the zoo."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import Any

import click

from ganzoo.cli.output import warn
from ganzoo.errors import printable
from ganzoo.zoo.tables import TYPES
from ganzoo.zoo.zoo import current_zoo


@click.command("list")
@click.argument("kind", type=click.Choice(list(TYPES)), default="variants")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(kind: str, as_json: bool) -> None:
    """List variants, datasets, losses, penalties, augmentations, metrics or modalities (kinds of data)."""
    zoo = current_zoo()
    rows = [describe(kind, spec, zoo.tables[kind].source(name)) for name, spec in zoo.tables[kind].items()]
    for plugin in zoo.plugins:
        if plugin.error:
            warn(plugin.problem)
        for note in plugin.notes:
            warn(f"{plugin.source}: {note}")
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    click.secho(kind, bold=True)
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        text = row["summary"] + (f" Recipes: {', '.join(row['recipes'])}." if kind == "variants" else "")
        click.echo(paragraph(printable(row["name"]).ljust(width), printable(text)))
    if kind == "variants":
        click.echo("\ntrain one: ganzoo train NAME    details: ganzoo show NAME")


def paragraph(label: str, text: str) -> str:
    """A label with wrapped text beside it. Not a table of rich, which takes a third of the time budget of `list`."""
    indent = " " * (len(label) + 2)
    columns = min(shutil.get_terminal_size().columns, 110)
    wide = max(columns, len(indent) + 30)
    return textwrap.fill(text, wide, initial_indent=f"{label}  ", subsequent_indent=indent, break_on_hyphens=False)


def describe(kind: str, spec: Any, source: str) -> dict[str, Any]:
    """One row, for the terminal and for JSON."""
    row: dict[str, Any] = {"name": spec.name, "summary": spec.summary, "source": source}
    for name in ("paper", "modality", "modalities", "kinds", "weight", "labelled", "needs_labels"):
        if hasattr(spec, name):
            row[name] = getattr(spec, name)
    if kind == "variants":
        row["recipes"] = list(spec.recipes)
    return row
