"""`ganzoo tune`: search for good values of recipe keys."""

from __future__ import annotations

from typing import Any

import click

from ganzoo.cli.completing import complete, complete_keys
from ganzoo.cli.options import given, run_options


@click.command("tune")
@click.argument("name", metavar="NAME[.RECIPE]", shell_complete=complete("variants"))
@click.option("--trials", type=click.IntRange(1), default=20, metavar="N", help="Runs in all [default: 20].")
@click.option(
    "--search",
    multiple=True,
    metavar="KEY=RANGE",
    help="What to search: g.lr=1e-4..1e-3:log, batch=16..128, loss=hinge|wasserstein [default: the learning rates].",
)
@click.option("--metric", metavar="M", help="Score during training that decides [default: the main one, as fd].")
@click.option("--study", type=click.Path(), metavar="FILE", help="Study that several processes share.")
@click.option(
    "--dataset", metavar="D", shell_complete=complete("datasets"), help="Data set, or a folder or file of your own."
)
@click.option("--steps", type=int, help="Steps of each run.")
@click.option("--seed", type=int, help="Seed of each run, and of the search [default: the recipe's].")
@click.option("--out", type=click.Path(), help="Folder of the runs [default: runs/tune-NAME-DATASET].")
@click.option("--recipe", type=click.Path(), help="JSON or TOML file with recipe keys, or a run folder.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=complete_keys,
    help="A recipe key that all runs have, such as batch=32.",
)
@run_options("device", "data_root", "eval_every")
def command(
    name: str,
    trials: int,
    search: tuple[str, ...],
    assignments: tuple[str, ...],
    **options: Any,
) -> None:
    """Search for the recipe values that give the best score.

    Optuna proposes them. Each trial is a run folder. Runs that score worse than most others at the same step end early.
    The same command continues a search that was interrupted.

    \b
    ganzoo tune dcgan --trials 30 --steps 1000
    ganzoo tune dcgan --trials 30 --search g.lr=1e-4..1e-3:log --search "loss=hinge|non-saturating"
    """
    from ganzoo.api.tuning import describe, tune
    from ganzoo.cli.output import say
    from ganzoo.cli.printing import printing_log
    from ganzoo.machine.signals import Stopped
    from ganzoo.machine.streams import drop_output
    from ganzoo.pictures.tables import format_number
    from ganzoo.reporting.repeating import repeat
    from ganzoo.runs.run import Run
    from ganzoo.zoo import config

    drop_output()
    values = config.parse_assignments(assignments)
    try:
        with printing_log():
            options = given(options) | {"set": values, "progress": False}
            found = tune(name, trials=trials, search=search, report=say, **options)
    except Stopped as stop:
        click.secho("stopped: run the same command again to continue the search.", err=True)
        raise SystemExit(128 + stop.number) from None
    say(f"{found.trials} trials, {found.pruned} of them ended early, in {found.out}")
    if found.run is None or found.value is None:
        say("no trial came to its end: allow more with --trials.")
        return
    say(f"best: {found.score} {format_number(found.value)} in {found.run} with {describe(found.keys)}")
    say(f"train it: {repeat(Run.open(found.run)).command}")
