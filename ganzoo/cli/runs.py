"""`ganzoo runs`: the runs in a folder."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ganzoo.api.listing import ListedRun

WIDTH = 80
INDENT = 4
COLOURS = {"running": "blue", "finished": "green", "failed": "red"}


@click.command("runs")
@click.argument("folder", metavar="FOLDER", type=click.Path(), default="runs")
@click.option(
    "--sort",
    default="age",
    metavar="KEY",
    help="age (newest first), name, recipe, data, step, state, score (best first), or a recipe key [default: age].",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(folder: str, sort: str, as_json: bool) -> None:
    """List the runs in a folder: state, step, score, recipe.

    Below each run are the keys that differ within a variant.

    \b
    ganzoo runs
    ganzoo runs runs/bench-grid --sort score
    """
    from pathlib import Path

    from ganzoo.api.listing import RUNS, list_runs
    from ganzoo.cli.output import say, warn

    if folder == RUNS and not Path(folder).exists():
        say("there is no folder runs here yet: ganzoo train dcgan starts a first run.")
        return
    found = list_runs(folder, sort)
    for problem in found.problems:
        warn(problem)
    if as_json:
        click.echo(found.to_json(), nl=False)
        return
    if not found:
        say(f"there are no runs in {folder}.")
        return
    width = max(WIDTH, min(shutil.get_terminal_size((WIDTH, 24)).columns, 120))
    for line in lines(found.runs, width):
        click.echo(line)
    example = found[0].path
    say("", f"a page about one: ganzoo report {example}", "several side by side: ganzoo compare RUN RUN")


def lines(runs: list[ListedRun], width: int) -> list[str]:
    """Two lines or more for each run: how far it is, and its recipe with the keys that differ."""
    rows = [
        (run.name, run.state.name, f"step {run.state.progress}", str(run.score or ""), f"{run.age} ago") for run in runs
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    # A long name has a line of its own.
    widths[0] = min(widths[0], max(12, width - sum(widths[1:]) - 8))
    found = []
    for run, (name, state, step, score, age) in zip(runs, rows, strict=True):
        if len(name) > widths[0]:
            found.append(click.style(name, bold=True))
            name = ""
        cells = [
            click.style(f"{name:{widths[0]}}", bold=True),
            click.style(f"{state:{widths[1]}}", fg=COLOURS.get(state)),
            f"{step:{widths[2]}}",
            f"{score:{widths[3]}}",
            age,
        ]
        found.append("  ".join(cells))
        words = [
            f"{run.variant}.{run.recipe} on {run.data}",
            *(f"{key}={value}" for key, value in run.differing.items()),
        ]
        indent = " " * INDENT
        found += textwrap.wrap(
            "  ".join(words), width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
        )
    return found
