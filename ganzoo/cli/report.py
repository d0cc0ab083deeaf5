"""`ganzoo report`: a page about one run or several."""

from __future__ import annotations

import click


@click.command("report")
@click.argument("runs", metavar="RUN...", type=click.Path(), nargs=-1, required=True)
@click.option(
    "--to",
    type=click.Path(),
    metavar="FILE.html",
    help="The page [default: report.html, report-1.html, ... in the run folder, for several runs in this one].",
)
@click.option("--overwrite", is_flag=True, help="Replace the page if it exists.")
def command(runs: tuple[str, ...], to: str | None, overwrite: bool) -> None:
    """Write a page about runs: an HTML file that needs no network.

    It shows samples over time, curves, scores with their protocols, the recipe and what differs in it, what the
    diagnosis found, and the command that trains it again. Runs that are still training can be reported on too.

    \b
    ganzoo report runs/dcgan-digits-1
    ganzoo report runs/dcgan-digits-1 runs/wgan-gp-digits-1 --to comparison.html
    """
    from ganzoo.cli.output import say
    from ganzoo.cli.printing import open_run
    from ganzoo.reporting.writing import report, require_page

    if to is not None:
        require_page(to, overwrite)
    written = report([open_run(run) for run in runs], to, overwrite=overwrite)
    say(f"wrote {written}")
