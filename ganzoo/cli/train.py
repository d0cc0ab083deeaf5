"""`ganzoo train`: train a variant to a run folder with pictures and scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ganzoo.cli import complete

F = TypeVar("F", bound=Callable[..., Any])

MACHINE = [
    click.option("--device", default=None, metavar="D", help="auto, cpu, cuda, cuda:1 or mps [default: auto]."),
    click.option("--devices", type=click.IntRange(1), default=None, metavar="N", help="Devices on each machine."),
    click.option("--nodes", type=click.IntRange(1), default=None, metavar="N", help="Machines."),
    click.option(
        "--precision",
        type=click.Choice(["auto", "fp32", "tf32", "bf16"]),
        default=None,
        help="Arithmetic [default: auto, which is tf32 on a GPU and fp32 elsewhere].",
    ),
    click.option("--compile/--no-compile", default=None, help="Compile the networks with torch.compile."),
    click.option("--capture/--no-capture", default=None, help="Replay phases as CUDA graphs on a GPU [default: yes]."),
    click.option(
        "--sync-batch-norm/--no-sync-batch-norm",
        default=None,
        help="Batch normalisation over the samples of all devices [default: of each].",
    ),
    click.option("--data-root", type=click.Path(), default=None, help="Where data sets lie or are downloaded to."),
    click.option("--logger", "loggers", multiple=True, metavar="NAME", help="Also log to tensorboard or wandb."),
    click.option("--eval-every", type=click.IntRange(1), metavar="N", help="Score every N steps; keep the best state."),
    click.option(
        "--on-nonfinite",
        type=click.Choice(["stop", "skip"]),
        default=None,
        help="At a loss or gradient that is not finite: stop, or skip the update [default: stop].",
    ),
    click.option("--scores/--no-scores", default=None, help="Score the samples at the end [default: yes]."),
]


def machine_options(command: F) -> F:
    """The options that train and resume share: those that change the machine and not the science."""
    for option in reversed(MACHINE):
        command = option(command)
    return command


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were typed."""
    return {name: value for name, value in options.items() if value not in (None, ())}


@click.command("train")
@click.argument("name", metavar="NAME[.RECIPE]", shell_complete=complete("variants"))
@click.option(
    "--dataset", metavar="D", shell_complete=complete("datasets"), help="Data set, image folder or .npz file."
)
@click.option("--steps", type=int, help="Steps; one step is one generator update.")
@click.option("--epochs", type=float, help="In place of steps: passes over the data set.")
@click.option("--seed", type=int, help="Seed [default: the recipe's].")
@click.option("--out", type=click.Path(), help="Run folder [default: runs/NAME-DATASET-1, -2, ...].")
@click.option("--recipe", type=click.Path(), help="JSON or TOML file with recipe keys, or a run folder.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a recipe key, as g.lr=1e-4.")
@click.option("--dry-run", is_flag=True, help="Print recipe, networks and estimated time; train nothing.")
@machine_options
def command(name: str, assignments: tuple[str, ...], dry_run: bool, **options: Any) -> None:
    """Train a variant, by name or NAME.RECIPE, and score it.

    \b
    ganzoo train dcgan
    ganzoo train wgan-gp --dataset points:ring --steps 2000
    ganzoo train dcgan.folder --dataset ~/my-photos --set data.size=64 --set g.lr=1e-4
    """
    from ganzoo.api import planning
    from ganzoo.api.train import execute
    from ganzoo.cli.report import after_training, print_plan, say, stopping
    from ganzoo.zoo import config

    plan = planning.plan(name, set=config.parse_assignments(assignments), **given(options))
    if dry_run:
        print_plan(plan)
        return
    with stopping():
        outcome = execute(plan, say)
    after_training(outcome)
