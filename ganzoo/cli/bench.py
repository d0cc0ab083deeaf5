"""`ganzoo bench`: train and score a grid of variants, data sets and seeds, and report it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from ganzoo.cli.options import run_options
from ganzoo.cli.output import fail

if TYPE_CHECKING:
    from ganzoo.api.bench.runner import Bench


@click.command("bench")
@click.argument("grid", metavar="GRID.toml", type=click.Path())
@click.option("--shard", metavar="I/N", default="1/1", help="Train only part I of N; the parts can run in parallel.")
@click.option(
    "--jobs", metavar="N", default="1", help="Cells to train at the same time on this machine, or auto [default: 1]."
)
@click.option("--out", type=click.Path(), help="Folder of the runs [default: runs/bench-GRID].")
@run_options("data_root", "device", "precision", "metrics")
@click.option("--report", "only_report", is_flag=True, help="Train nothing; report on the existing runs.")
@click.option("--dry-run", is_flag=True, help="Train nothing; list the cells with estimated time and memory.")
@click.option("--json", "json_file", type=click.Path(), metavar="FILE", help="Also write the report as JSON.")
def command(
    grid: str,
    shard: str,
    jobs: str,
    out: str | None,
    data_root: str | None,
    device: str | None,
    precision: str | None,
    metrics: str | None,
    only_report: bool,
    dry_run: bool,
    json_file: str | None,
) -> None:
    """Train and score a grid of variants, data sets and seeds.

    Each cell of the grid has its own run folder. Finished cells are left as they are and stopped ones are resumed,
    so the same command can be run again after any interruption.

    \b
    ganzoo bench grid.toml --dry-run
    ganzoo bench grid.toml
    ganzoo bench grid.toml --jobs auto
    ganzoo bench grid.toml --shard 1/4
    ganzoo bench grid.toml --report --json results.json
    """
    from ganzoo.api.bench.grid import parse_shard
    from ganzoo.api.bench.report import write_json
    from ganzoo.api.bench.runner import bench
    from ganzoo.api.bench.side_by_side import parse_jobs
    from ganzoo.cli.output import say, say_wrapped
    from ganzoo.files.typed import typed_path
    from ganzoo.machine.streams import drop_output

    part, at_once = parse_shard(shard), parse_jobs(jobs)
    target = None if json_file is None else typed_path(json_file)
    if dry_run:
        print_estimate(grid, out, data_root=data_root, device=device, precision=precision, metrics=metrics)
        return
    if not only_report:
        drop_output()
    options: dict[str, Any] = {"data_root": data_root, "device": device, "precision": precision, "metrics": metrics}
    options |= {"progress": sys.stderr.isatty(), "report": say_wrapped}
    done = finish(lambda: bench(grid, out=out, shard=part, jobs=at_once, train=not only_report, **options))
    if target is not None:
        done.report["command"] += f" --json {json_file}" if not target.is_absolute() else ""
        write_json(done.report, target)
    names = ("report.md", "report.json", "report.png")
    written = [done.out / name for name in names] if only_report or part == (1, 1) else []
    print_report(done.report, [*map(str, written), *([json_file] if json_file else [])])
    if part != (1, 1) and not only_report:
        say(f"when all parts are done: ganzoo bench {grid} --out {done.out} --report")
    if done.failed:
        raise SystemExit(fail(f"{len(done.failed)} of the cells could not be finished; they are listed above.", 1))


def finish(train: Callable[[], Bench]) -> Bench:
    """What a benchmark did; exits with a signal's code, after a line on how to go on, if one stopped it."""
    from ganzoo.cli.printing import printing_log
    from ganzoo.machine.signals import Interrupted, Stopped

    try:
        with printing_log():
            return train()
    except Interrupted as stop:
        # During scores, for example.
        stop.args = (f"{stop}: run the same command again to resume",)
        raise
    except Stopped as stop:
        click.secho("stopped: the current step was finished and saved; run the same command again to resume.", err=True)
        raise SystemExit(128 + stop.number) from None


def print_estimate(grid: str, out: str | None, **options: str | None) -> None:
    """The groups of a grid that are not finished, with their time and memory."""
    from ganzoo.api.bench.runner import estimate
    from ganzoo.cli.output import say
    from ganzoo.cli.terminal_table import show

    found = estimate(grid, out=out, **options)
    show(found.table())
    say(*found.lines())


def print_report(report: Mapping[str, Any], files: list[str]) -> None:
    """The tables of a benchmark, what was left out, and the files that it was written to."""
    from ganzoo.api.bench.report import left_out, tables
    from ganzoo.cli.output import say_wrapped
    from ganzoo.cli.terminal_table import show

    for table in tables(report):
        show(table)
    say_wrapped(*left_out(report))
    if files:
        say_wrapped("report: " + ", ".join(files))
