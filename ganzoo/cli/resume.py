"""`ganzoo resume`: go on with a run."""

from __future__ import annotations

from typing import Any

import click

from ganzoo.cli.train import given, machine_options


@click.command("resume")
@click.argument("run", type=click.Path())
@click.option("--steps", type=click.IntRange(1), default=None, help="Steps in all, counted from the run's beginning.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a recipe key from here on.")
@machine_options
def command(run: str, steps: int | None, assignments: tuple[str, ...], **options: Any) -> None:
    """Go on with a run from its newest checkpoint, to its last step or to --steps in all.

    A recipe.json edited by hand is refused; what --set changes is recorded in it. Loggers have to be named again.
    """
    from ganzoo.api.resume import continue_run
    from ganzoo.cli.report import after_training, open_run, say, stopping
    from ganzoo.zoo import config

    open_run(run)
    with stopping():
        outcome = continue_run(run, steps, say, set=config.parse_assignments(assignments), **given(options))
    after_training(outcome, options["scores"])
