"""`ganzoo list`: the names in the zoo."""

from __future__ import annotations

import json

import click

from ganzoo.api.catalogue import catalogue
from ganzoo.cli.output import paragraph, warn
from ganzoo.errors import printable
from ganzoo.zoo.tables import TYPES
from ganzoo.zoo.zoo import current_zoo


@click.command("list")
@click.argument("kind", type=click.Choice(list(TYPES)), default="variants")
@click.option("--trained", "only_trained", is_flag=True, help="List the trained generators that come with ganzoo.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(kind: str, only_trained: bool, as_json: bool) -> None:
    """List variants, data sets, losses, metrics and the like.

    Modalities are kinds of data.
    """
    if only_trained:
        list_trained(kind, as_json)
        return
    zoo = current_zoo()
    rows = [dict(row) for row in catalogue(kind)]
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
        click.echo("\ntrain one: ganzoo train NAME    details: ganzoo show NAME\ntrained ones: ganzoo list --trained")


def list_trained(kind: str, as_json: bool) -> None:
    """Print the trained generators that come with ganzoo."""
    from ganzoo.exporting.trained_index import trained

    if kind != "variants":
        raise click.UsageError(f"--trained lists trained generators: leave {kind} out.")
    found = trained()
    if as_json:
        rows = [{"name": name, "summary": item.summary} | item.info["trained"] for name, item in found.items()]
        click.echo(json.dumps(rows, indent=2))
        return
    click.secho("trained generators", bold=True)
    width = max(map(len, found))
    for name, item in found.items():
        click.echo(paragraph(name.ljust(width), item.summary))
    click.echo("\ndraw from one: ganzoo sample NAME")
