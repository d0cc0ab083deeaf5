"""`ganzoo show NAME`: a summary, its source, and every key."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ganzoo.cli import complete
from ganzoo.cli.output import plain_console
from ganzoo.errors import printable, unknown
from ganzoo.specs import AugmentationSpec, LossSpec, PenaltySpec, Variant
from ganzoo.zoo import config, registry
from ganzoo.zoo.tables import SINGULAR, TYPES
from ganzoo.zoo.zoo import current_zoo


@click.command("show")
@click.argument("name", shell_complete=complete("variants"))
def command(name: str) -> None:
    """Show anything in `ganzoo list`, or a recipe as NAME.RECIPE: its summary, source, and keys or options."""
    console = plain_console()
    plain = name.partition(".")[0]
    found = [(kind, getattr(registry, kind)()) for kind in TYPES]
    matches = [(kind, table) for kind, table in found if plain in table]
    if not matches:
        known = [name for _, table in found for name in table]
        raise unknown("name", name, known, f"(`ganzoo list`){current_zoo().hint(plain)}")
    for kind, table in matches:
        spec = table[plain]
        console.print(Text.assemble((spec.name, "bold"), printable(f" ({SINGULAR[kind]}): {spec.summary}")))
        paper = getattr(spec, "paper", "") or getattr(spec, "source", "")
        if paper:
            console.print(printable(f"source: {paper}"))
        console.print(printable(f"from: {table.source(plain)}"))
        if isinstance(spec, Variant):
            show_variant(console, name)
        elif isinstance(spec, LossSpec | AugmentationSpec):
            key = "loss" if isinstance(spec, LossSpec) else "augment"
            for option in spec.options:
                console.print(printable(f"  {key}_options.{option.name} = {option.default:g}  {option.help}"))
            console.print(f"use it: ganzoo train dcgan --set {key}={spec.name}")
        elif isinstance(spec, PenaltySpec):
            key = f"penalties.{spec.name}"
            for option in spec.options:
                console.print(printable(f"  {key}.options.{option.name} = {option.default:g}  {option.help}"))
            console.print(f"use it: ganzoo train vanilla --set {key}.weight={spec.weight:g} --set {key}.every=1")
        console.print()


def show_variant(console: Console, name: str) -> None:
    """Print the recipes of a variant, and every key of one of them."""
    variant, recipe_name, recipe = registry.find_recipe(name)
    if variant.ancestor:
        console.print(printable(f"develops: {variant.ancestor}" + (f", by {variant.change}" if variant.change else "")))
    if variant.lesson:
        console.print(printable(f"teaches: {variant.lesson}"))
    console.print(f"data: {', '.join(variant.modalities)}{', with labels' if variant.needs_labels else ''}")
    console.print(
        "recipes: " + ", ".join(f"{variant.name}.{known} ({r.data.name})" for known, r in variant.recipes.items())
    )
    console.print(f"\nkeys of {variant.name}.{recipe_name}; change them with --set key=value:")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("key = value", overflow="fold")
    table.add_column("meaning (allowed values)", overflow="fold")
    for key in config.keys(recipe):
        if key.path.partition(".")[0] in variant.fixes:
            continue
        table.add_row(printable(f"{key.path} = {value_text(key.value)}"), printable(f"{key.help} ({key.type})"))
    console.print(table)


def value_text(value: object) -> str:
    """A value as `--set` takes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)):
        return ",".join(str(item) for item in value)
    return "none" if value in (None, "", {}) else str(value)
