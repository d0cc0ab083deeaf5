"""`ganzoo eval`: score a run, or samples in a folder or a file."""

from __future__ import annotations

import logging
import sys
from typing import Any

import click

from ganzoo.cli.completing import complete, complete_metrics, complete_words
from ganzoo.cli.options import given, run_options
from ganzoo.evaluation.features.names import names
from ganzoo.machine.imports import importing_torch


@click.command("eval")
@click.argument("target", metavar="RUN|FOLDER|FILE", type=click.Path())
@click.option(
    "--against",
    metavar="D",
    shell_complete=complete("datasets"),
    help="Compare with this data set, folder or file [default: the run's data].",
)
@click.option(
    "--metrics",
    metavar="A,B",
    shell_complete=complete_metrics,
    help="Names from `ganzoo list metrics`, or fid [default: the fast ones].",
)
@click.option("-n", "n", type=click.IntRange(1), help="Number of samples [default: 10,000 of a run, all of a file].")
@click.option(
    "--features",
    default="auto",
    metavar="NAME",
    shell_complete=complete_words("auto", *names()),
    help="Feature space for images [default: auto].",
)
@click.option("--weights", type=click.Path(), help="File with the weights of the feature extractor.")
@click.option("--best", is_flag=True, help="Score the best state that --eval-every kept, not the last.")
@click.option("--raw", is_flag=True, help="Score the weights as trained, not the averaged ones.")
@click.option("--neighbours", is_flag=True, help="Measure memorisation and draw RUN/neighbours.png.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of a run's samples [default: the recipe's + 1].")
@click.option("--data", type=click.Path(), help="Where a run's own data are now, if they moved.")
@click.option("--other-data", is_flag=True, help="Compare with a run's own data even if they have changed.")
@run_options("device", "devices", "nodes", "data_root")
@click.option("--out", type=click.Path(), help="Also write the scores to this JSON file.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores and their protocols as JSON.")
def command(target: str, as_json: bool, raw: bool, **options: Any) -> None:
    """Score a run, or samples in a folder or a file.

    \b
    ganzoo eval runs/dcgan-digits-1
    ganzoo eval runs/dcgan-mnist-1 --metrics fid --weights inception.pth
    ganzoo eval my-samples --against mnist
    """
    with importing_torch():
        from ganzoo.api.evaluate import evaluate
        from ganzoo.cli.output import say
        from ganzoo.cli.printing import open_run, print_scores, printing_log
        from ganzoo.files.typed import typed_path
        from ganzoo.machine import cluster
        from ganzoo.machine.ranks import is_first_rank

    if is_first_rank() and (typed_path(target) / "recipe.json").is_file():
        # For its warnings about other versions of packages.
        open_run(target)
    started = cluster.started_by()
    ranks = {} if started is None else {"devices": started.devices, "nodes": started.nodes}
    options = ranks | given(options) | ({"averaged": False} if raw else {})
    if as_json:
        with printing_log(sys.stderr, logging.WARNING):
            scores = evaluate(target, **options)
        if is_first_rank():
            click.echo(scores.to_json(), nl=False)
        return
    with printing_log():
        scores = evaluate(target, report=say, **options)
        if is_first_rank():
            print_scores(scores)
