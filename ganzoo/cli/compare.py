"""`ganzoo compare`: the scores and samples of several runs."""

from __future__ import annotations

import click


@click.command("compare")
@click.argument("runs", metavar="RUN...", type=click.Path(), nargs=-1, required=True)
@click.option(
    "--out", type=click.Path(), metavar="FILE", help="The picture [default: compare.png, compare-1.png, ...]."
)
@click.option("--markdown", is_flag=True, help="Print the table in Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON, with the scores' protocols.")
@click.option("--best", is_flag=True, help="Compare the best states that --eval-every kept, not the last.")
def command(runs: tuple[str, ...], out: str | None, markdown: bool, as_json: bool, best: bool) -> None:
    """Compare runs: a table of their scores, and a picture of their samples and loss curves.

    Only scores with equal protocols share a column.

    \b
    ganzoo compare runs/dcgan-digits-1 runs/wgan-gp-digits-1
    """
    from ganzoo.api.compare import compare, require_picture
    from ganzoo.cli.printing import open_run
    from ganzoo.cli.terminal_table import show
    from ganzoo.errors import GanzooError, printable

    if markdown and as_json:
        raise GanzooError("give either --markdown or --json, not both.")
    require_picture(out)
    found = compare([open_run(run) for run in runs], best=best)
    if as_json:
        click.echo(found.to_json(), nl=False)
    elif markdown:
        click.echo(found.table().markdown(), nl=False)
    else:
        show(found.table())
    # Output that a program reads has only the table.
    click.echo(printable(f"picture: {found.draw(out)}"), err=markdown or as_json)
