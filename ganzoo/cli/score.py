"""`ganzoo score`: how strange samples are to a game that finds anomalies."""

from __future__ import annotations

import dataclasses
import json

import click


@click.command("score")
@click.argument("run", type=click.Path())
@click.argument("files", metavar="FILE|FOLDER...", type=click.Path(), nargs=-1, required=True)
@click.option("--best", is_flag=True, help="Score with the best state that --eval-every kept, not the last.")
@click.option(
    "--sort", "sorted_", is_flag=True, help="The strangest samples first [default: in the order of the files]."
)
@click.option(
    "--grid",
    type=click.Path(),
    metavar="FILE",
    help="A picture of the strangest: each with its reconstruction and where they differ.",
)
@click.option("--device", default="auto", metavar="D", help="auto, cpu, cuda, cuda:1 or mps [default: auto].")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
def command(
    run: str, files: tuple[str, ...], best: bool, sorted_: bool, grid: str | None, device: str, as_json: bool
) -> None:
    """Score how strange samples are to an anomaly detector.

    A line for each sample: its anomaly score, the fraction of held-out samples that score lower, and its name.

    \b
    ganzoo score runs/NAME-DATA-1 photo.png more-photos
    """
    from ganzoo.api.anomalies import anomaly_scores
    from ganzoo.cli.output import say
    from ganzoo.cli.printing import open_run

    found = anomaly_scores(open_run(run), files, best=best, device=device, grid=grid)
    if sorted_:
        found.sort(key=lambda item: -item.score)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(item) for item in found], indent=1))
        return
    say(f"{'score':>12}  {'above':>6}  sample")
    for item in found:
        above = "" if item.above is None else f"{item.above:.1%}"
        say(f"{item.score:>12.6g}  {above:>6}  {item.name}")
    say("above: the fraction of held-out samples that score lower, which are less strange")
    if grid is not None:
        say(f"wrote {grid}")
