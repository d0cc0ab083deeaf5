"""`ganzoo show NAME`: a summary, its source, and every key."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from ganzoo.cli.completing import complete
from ganzoo.cli.output import paragraph, plain_console, wrap
from ganzoo.errors import printable, unknown
from ganzoo.recipes import Recipe, TwoPlayerRecipe
from ganzoo.specs import AugmentationSpec, DatasetSpec, LossSpec, PenaltySpec, Variant
from ganzoo.zoo import config, registry
from ganzoo.zoo.tables import SINGULAR, TYPES
from ganzoo.zoo.zoo import current_zoo


@click.command("show")
@click.argument("name", shell_complete=complete(*TYPES))
@click.option(
    "--all", "every", is_flag=True, help="Show every key of a recipe, not only those that make it what it is."
)
@click.option("--toml", is_flag=True, help="Print a recipe as a file for --recipe, and nothing else.")
def command(name: str, every: bool, toml: bool) -> None:
    """Show anything in `ganzoo list`, or a recipe as NAME.RECIPE.

    Its summary, its source, and its keys or options.

    \b
    ganzoo show wgan-gp
    ganzoo show dcgan.mnist --toml
    """
    if toml:
        click.echo(toml_text(name), nl=False)
        return
    plain = name.partition(".")[0]
    found = [(kind, getattr(registry, kind)()) for kind in TYPES]
    matches = [(kind, table) for kind, table in found if plain in table]
    if not matches:
        known = [name for _, table in found for name in table]
        raise unknown("name", name, known, f"(`ganzoo list`){current_zoo().hint(plain)}")
    for kind, table in matches:
        spec = table[plain]
        title = wrapped(f"{spec.name} ({SINGULAR[kind]}): {spec.summary}")
        click.echo(click.style(spec.name, bold=True) + title.removeprefix(spec.name))
        paper = getattr(spec, "paper", "") or getattr(spec, "source", "")
        if paper:
            write(f"source: {paper}")
        write(f"from: {table.source(plain)}")
        if isinstance(spec, Variant):
            show_variant(name, every)
        elif isinstance(spec, LossSpec | AugmentationSpec):
            key = "loss" if isinstance(spec, LossSpec) else "augment"
            for option in spec.options:
                write(f"  {key}_options.{option.name} = {option.default:g}  {option.help}")
            write(f"use it: ganzoo train dcgan --set {key}={spec.name}")
        elif isinstance(spec, PenaltySpec):
            key = f"penalties.{spec.name}"
            for option in spec.options:
                write(f"  {key}.options.{option.name} = {option.default:g}  {option.help}")
            write(f"use it: ganzoo train vanilla --set {key}.weight={spec.weight:g} --set {key}.every=1")
        elif isinstance(spec, DatasetSpec):
            for setting, meaning in spec.settings.items():
                write(f"  data.settings.{setting}  {meaning}")
            variant = trained_on(spec)
            if variant:
                path = ":PATH" if spec.argument == "path" else ""
                write(f"train on it: ganzoo train {variant} --dataset {spec.name}{path}")
        click.echo()


def trained_on(spec: DatasetSpec) -> str:
    """A variant for a data set: one with a recipe for it, else one for its kind of data; "" without any."""
    every = registry.variants()
    meant = [name for name, one in every.items() if any(r.data.name == spec.name for r in one.recipes.values())]
    able = [name for name, one in every.items() if spec.modality in one.modalities and not one.inputs]
    known = meant or able
    return "dcgan" if "dcgan" in known else next(iter(known), "")


def write(text: str) -> None:
    """Print a line, broken between words where the terminal ends."""
    click.echo(wrapped(text))


def wrapped(text: str) -> str:
    """A line, broken between words where the terminal ends."""
    return "\n".join(wrap(printable(text)))


def show_variant(name: str, every: bool = False) -> None:
    """Print the recipes of a variant, and keys of one of them: all, or those that make it what it is."""
    variant, recipe_name, recipe = registry.find_recipe(name)
    if variant.ancestor:
        write(f"develops: {variant.ancestor}" + (f" ({variant.change})" if variant.change else ""))
    if variant.lesson:
        write(f"teaches: {variant.lesson}")
    write(f"data: {', '.join(variant.modalities)}{', with labels' if variant.needs_labels else ''}")
    write("recipes: " + ", ".join(f"{variant.name}.{known} ({r.data.name})" for known, r in variant.recipes.items()))
    if variant.bf16:
        names = ", ".join(f"{variant.name}.{known}" for known in variant.bf16)
        write(f"bf16, where the CPU has units for it: {names}")
    keys = [key for key in config.keys(recipe) if key.path.partition(".")[0] not in variant.fixes]
    shown = keys if every else own_keys(recipe, keys)
    click.echo(f"\n{wrapped(f'keys of {variant.name}.{recipe_name}; change them with --set key=value:')}")
    settings = [printable(f"{key.path} = {config.value_text(key.value)}") for key in shown]
    if every:
        # Imported here, as most uses of this command need no table.
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("key = value", overflow="fold")
        table.add_column("meaning (allowed values)", overflow="fold")
        for setting, key in zip(settings, shown, strict=True):
            table.add_row(setting, printable(f"{key.help} ({key.type})"))
        plain_console().print(table)
        return
    width = max(map(len, settings))
    for setting, key in zip(settings, shown, strict=True):
        click.echo(paragraph(setting.ljust(width), printable(key.help)))
    if len(shown) < len(keys):
        click.echo(f"{len(keys) - len(shown)} more keys have the usual values: ganzoo show {name} --all")
    click.echo(f"as a file: ganzoo show {name} --toml")


def own_keys(recipe: Recipe, keys: Sequence[config.Key]) -> list[config.Key]:
    """The keys that only this variant's recipes have, those that differ from the usual values, and three more."""
    usual = {key.path: key.value for key in config.keys(TwoPlayerRecipe())}
    always = ("data.name", "steps", "batch")
    return [key for key in keys if key.path in always or key.path not in usual or key.value != usual[key.path]]


def toml_text(name: str) -> str:
    """A recipe as a TOML file, every key with its meaning."""
    variant, recipe_name, recipe = registry.find_recipe(name)
    lines = [f"# {variant.name}.{recipe_name}, for: ganzoo train {variant.name} --recipe FILE"]
    for key in config.keys(recipe):
        if key.path.partition(".")[0] not in variant.fixes:
            lines += ["", f"# {key.help} ({key.type})", f"{key.path} = {toml_value(key.value)}"]
    return "\n".join(lines) + "\n"


def toml_value(value: object) -> str:
    """A value as TOML: what it has no word for, such as none, as the text that `--set` takes."""
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(toml_value, value))}]"
    # Booleans, numbers and text are written as in JSON; an empty text stays one.
    plain = isinstance(value, (bool, int, float, str))
    return json.dumps(value if plain else config.value_text(value), ensure_ascii=False)
