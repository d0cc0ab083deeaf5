"""`ganzoo resume`: resume a run."""

from __future__ import annotations

from typing import Any

import click

from ganzoo.cli.options import MACHINE, given, run_options
from ganzoo.machine.imports import importing_torch


@click.command("resume")
@click.argument("run", type=click.Path())
@click.option("--steps", type=click.IntRange(1), default=None, help="Total steps, counted from the start of the run.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a recipe key from here on.")
@click.option("--data", type=click.Path(), help="Where your own data are now, if they moved.")
@click.option("--other-data", is_flag=True, help="Continue even if your own data have changed.")
@click.option(
    "--from",
    "state",
    type=click.Choice(("newest", "best")),
    default="newest",
    help="Continue from the newest checkpoint, or go back to the best state [default: newest].",
)
@run_options(*MACHINE)
def command(
    run: str, steps: int | None, assignments: tuple[str, ...], other_data: bool, state: str, **options: Any
) -> None:
    """Resume a run from its newest checkpoint.

    Training ends at the last step of its recipe, or at --steps in total. A recipe.json edited by hand is refused;
    changes with --set are recorded in it. Options left out keep the values that the run was started with, not the
    defaults shown here; only loggers must be named again.
    """
    with importing_torch():
        from ganzoo.api.resume import continue_run
        from ganzoo.cli.output import say
        from ganzoo.cli.printing import after_training, exiting_when_stopped, open_run
        from ganzoo.machine.streams import drop_output
        from ganzoo.zoo import config

    open_run(run)
    drop_output()
    with exiting_when_stopped():
        values = config.parse_assignments(assignments)
        more = given(options) | {"other_data": other_data, "from_best": state == "best"}
        outcome = continue_run(run, steps, say, set=values, **more)
    after_training(outcome, options["scores"])
