"""`ganzoo train`: train a variant; the result is a run folder with pictures and scores."""

from __future__ import annotations

from typing import Any

import click

from ganzoo.cli.completing import complete, complete_keys
from ganzoo.cli.options import MACHINE, given, run_options
from ganzoo.machine.imports import importing_torch


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
@click.option(
    "--init-from",
    type=click.Path(),
    metavar="RUN|FILE",
    help="Start from the weights of a run (RUN@best: its best state), a checkpoint or an exported .safetensors file.",
)
@click.option("--init-players", metavar="P,P", help="Players that start from them [default: all that are there].")
@click.option("--init-raw", is_flag=True, help="Start from the weights as trained, not the averaged ones.")
@click.option(
    "--freeze", multiple=True, metavar="PATTERN", help="Weights that do not learn: PLAYER.NAME with *, as d.blocks.0.*."
)
@click.option("--dry-run", is_flag=True, help="Print recipe, networks and estimated time; train nothing.")
@run_options(*MACHINE)
def command(
    name: str, assignments: tuple[str, ...], freeze: tuple[str, ...], dry_run: bool, init_raw: bool, **options: Any
) -> None:
    """Train a variant, by name or NAME.RECIPE, and score it.

    \b
    ganzoo train dcgan
    ganzoo train wgan-gp --dataset points:ring --steps 2000
    ganzoo train dcgan.folder --dataset ~/my-photos --set data.size=64 --set g.lr=1e-4
    ganzoo train dcgan.folder --dataset ~/my-photos --init-from runs/dcgan-celeba-1 --freeze 'd.body.0.*'
    """
    from ganzoo.zoo import registry

    # A name that does not exist is answered before torch is imported.
    registry.find_recipe(name)
    with importing_torch():
        from ganzoo.api import planning
        from ganzoo.api.train import execute
        from ganzoo.cli.output import say_wrapped
        from ganzoo.cli.printing import after_training, exiting_when_stopped, print_plan
        from ganzoo.machine.streams import drop_output
        from ganzoo.zoo import config

    values = config.parse_assignments(assignments) | ({"freeze": freeze} if freeze else {})
    plan = planning.plan(name, set=values, init_raw=init_raw, **given(options))
    if dry_run:
        print_plan(plan)
        return
    drop_output()
    with exiting_when_stopped():
        outcome = execute(plan, say_wrapped)
    after_training(outcome)
