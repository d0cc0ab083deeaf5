"""`ganzoo resume`: go on with a run."""

from __future__ import annotations

from typing import Any

import click

from ganzoo.cli.train import given, machine_options


@click.command("resume")
@click.argument("run", type=click.Path())
@click.option("--steps", type=click.IntRange(1), default=None, help="Steps in all, counted from the run's beginning.")
@machine_options
def command(run: str, steps: int | None, **options: Any) -> None:
    """Go on with a run from its newest checkpoint, to its last step or to --steps in all."""
    from ganzoo import api
    from ganzoo.cli.report import after_training, open_run, say, stopping

    open_run(run)
    with stopping():
        resumed = api.resume(run, steps, say, **given(options))
    after_training(resumed, options["scores"])
