"""`ganzoo compare`: the scores and samples of several runs."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("compare")
@click.argument("runs", metavar="RUN...", type=click.Path(), nargs=-1, required=True)
@click.option(
    "--out", type=click.Path(), metavar="FILE", help="The picture [default: compare.png, compare-1.png, ...]."
)
@click.option("--markdown", is_flag=True, help="Print the table in Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON, with the scores' protocols.")
@click.option("--metrics", metavar="A,B", help="Only these scores, as fd,precision [default: all].")
@click.option("--csv", "csv_file", type=click.Path(), metavar="FILE", help="Also write the table as CSV.")
@click.option("--latex", "latex_file", type=click.Path(), metavar="FILE", help="Also write the table for LaTeX.")
@click.option("--each", is_flag=True, help="Show every run by itself, not means of runs that differ in the seed only.")
@click.option("--best", is_flag=True, help="Compare the best states that --eval-every kept, not the last.")
def command(
    runs: tuple[str, ...],
    out: str | None,
    markdown: bool,
    as_json: bool,
    metrics: str | None,
    csv_file: str | None,
    latex_file: str | None,
    each: bool,
    best: bool,
) -> None:
    """Compare runs: a table of scores, and a picture.

    The picture has samples and loss curves. Only scores with equal protocols share a column. Runs that differ in their
    seed only are one row, with mean and standard deviation.

    \b
    ganzoo compare runs/dcgan-digits-1 runs/wgan-gp-digits-1
    ganzoo compare runs/bench-losses/*/* --metrics is,fd --latex losses.tex --out losses.pdf
    """
    from ganzoo.api.compare import compare, require_picture
    from ganzoo.cli.printing import open_run
    from ganzoo.cli.terminal_table import show
    from ganzoo.errors import GanzooError, printable

    if markdown and as_json:
        raise GanzooError("give either --markdown or --json, not both.")
    require_picture(out)
    files = {name: require_table(file) for name, file in (("csv", csv_file), ("latex", latex_file)) if file}
    found = compare([open_run(run) for run in runs], best=best, metrics=metrics)
    groups = found.groups(each)
    by_seed = len(groups.groups) < len(found.rows)
    table = groups.table() if by_seed else found.table()
    if as_json:
        click.echo(found.to_json(), nl=False)
    elif markdown:
        click.echo(table.markdown(), nl=False)
    else:
        show(table)
    written = [f"picture: {found.draw(out, by_seed)}"]
    for name, path in files.items():
        write_table(path, groups.csv() if name == "csv" else groups.latex())
        written.append(f"table: {path}")
    # Output that a program reads has only the table.
    click.echo(printable(", ".join(written)), err=markdown or as_json)


def require_table(file: str) -> Path:
    """A path at which a table can be written. Raises GanzooError if there is something."""
    from ganzoo.errors import GanzooError
    from ganzoo.files.new_files import require_absent
    from ganzoo.files.typed import typed_path

    path = typed_path(file)
    require_absent(path)
    if not path.parent.is_dir():
        raise GanzooError(f"{path.parent} is not a folder: create it first.")
    return path


def write_table(path: Path, text: str) -> None:
    """Write a table to a new file. Raises GanzooError."""
    from ganzoo.files.atomic import write_new
    from ganzoo.files.new_files import writing

    with writing(path):
        write_new(path, text.encode("utf-8"), parents=False)
