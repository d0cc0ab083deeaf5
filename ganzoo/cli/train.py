"""`ganzoo train`: train a variant; the result is a run folder with pictures and scores."""

from __future__ import annotations

from typing import Any

import click

from ganzoo.cli.completing import complete, complete_keys
from ganzoo.cli.options import MACHINE, given, run_options


@click.command("train")
@click.argument("name", metavar="NAME[.RECIPE]", shell_complete=complete("variants"))
@click.option(
    "--dataset", metavar="D", shell_complete=complete("datasets"), help="Data set, or a folder or file of your own."
)
@click.option("--steps", type=int, help="Steps to train for; one step is one generator update.")
@click.option("--epochs", type=float, help="Passes over the data set, instead of --steps.")
@click.option("--seed", type=int, help="Seed [default: the recipe's].")
@run_options("out")
@click.option("--recipe", type=click.Path(), help="JSON or TOML file with recipe keys, or a run folder.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=complete_keys,
    help="Change a recipe key, such as g.lr=1e-4.",
)
@click.option("--dry-run", is_flag=True, help="Print recipe, networks and estimated time; train nothing.")
@run_options(*MACHINE)
def command(name: str, assignments: tuple[str, ...], dry_run: bool, **options: Any) -> None:
    """Train a variant, by name or NAME.RECIPE, and score it.

    \b
    ganzoo train dcgan
    ganzoo train wgan-gp --dataset points:ring --steps 2000
    ganzoo train dcgan.folder --dataset ~/my-photos --set data.size=64 --set g.lr=1e-4
    """
    from ganzoo.api import planning
    from ganzoo.api.train import execute
    from ganzoo.cli.output import say
    from ganzoo.cli.printing import after_training, exiting_when_stopped, print_plan
    from ganzoo.machine.streams import drop_output
    from ganzoo.zoo import config

    plan = planning.plan(name, set=config.parse_assignments(assignments), **given(options))
    if dry_run:
        print_plan(plan)
        return
    drop_output()
    with exiting_when_stopped():
        outcome = execute(plan, say)
    after_training(outcome)
