"""`ganzoo bench`: train and score a grid of variants, data sets and seeds, and report it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ganzoo.cli import fail


@click.command("bench")
@click.argument("grid", metavar="GRID.toml", type=click.Path())
@click.option("--shard", metavar="I/N", default="1/1", help="Train only part I of N; the parts can run at once.")
@click.option("--out", type=click.Path(), help="Folder of the runs [default: runs/bench-GRID].")
@click.option("--data-root", type=click.Path(), default=None, help="Where data sets lie or are downloaded to.")
@click.option("--device", default=None, metavar="D", help="auto, cpu, cuda, cuda:1 or mps [default: auto].")
@click.option("--report", "only_report", is_flag=True, help="Train nothing; report on what is there.")
@click.option("--json", "json_file", type=click.Path(), metavar="FILE", help="Also write the report there as JSON.")
def command(
    grid: str,
    shard: str,
    out: str | None,
    data_root: str | None,
    device: str | None,
    only_report: bool,
    json_file: str | None,
) -> None:
    """Train and score every variant on every data set with every seed of a grid, and report mean and spread.

    Each cell of the grid is a run folder of its own. What is finished is left as it is, and what was stopped is gone on
    with, so that the same command goes on after any interruption.

    \b
    ganzoo bench grid.toml
    ganzoo bench grid.toml --shard 1/4
    ganzoo bench grid.toml --report --json results.json
    """
    from ganzoo.api.bench.grid import parse_shard
    from ganzoo.api.bench.report import left_out, tables, write_json
    from ganzoo.api.bench.runner import bench
    from ganzoo.cli.report import announced, say
    from ganzoo.cli.tables import show
    from ganzoo.machine.signals import Stopped

    part = parse_shard(shard)
    try:
        with announced():
            done = bench(
                grid,
                out=out,
                shard=part,
                train=not only_report,
                report=say,
                data_root=data_root,
                device=device,
                progress=sys.stderr.isatty(),
            )
    except Stopped as stop:
        saved = "stopped: the step under way was finished and saved"
        click.secho(f"{saved}; the same command goes on with it.", err=True)
        raise SystemExit(128 + stop.number) from None
    for table in tables(done.report):
        show(table)
    for line in left_out(done.report):
        say(line)
    if json_file is not None:
        done.report["command"] += f" --json {json_file}" if not Path(json_file).is_absolute() else ""
        write_json(done.report, Path(json_file))
    written = [done.out / "report.md", done.out / "report.json"] if only_report or part == (1, 1) else []
    files = [*map(str, written), *([json_file] if json_file else [])]
    if files:
        say("report: " + ", ".join(files))
    if part != (1, 1) and not only_report:
        say(f"when all parts are done: ganzoo bench {grid} --out {done.out} --report")
    if done.failed:
        raise SystemExit(fail(f"{len(done.failed)} of the cells could not be finished; they are named above.", 1))
