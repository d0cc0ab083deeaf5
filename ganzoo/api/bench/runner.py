"""Runs a grid cell by cell: a second start resumes the first, and a failed cell does not stop the others."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ganzoo.api.bench import cells
from ganzoo.api.bench.dry_run import DryRun, dry_run
from ganzoo.api.bench.grid import Cell, Grid, cell_plan, read_grid
from ganzoo.api.bench.pace import Pace
from ganzoo.api.bench.report import make_report, tables, write_report
from ganzoo.api.bench.side_by_side import Pool, choose_jobs
from ganzoo.api.planning import make_options
from ganzoo.errors import GanzooError, IncompatibleData, printable
from ganzoo.files.lock import Locked
from ganzoo.files.typed import typed_path
from ganzoo.machine.launch import choose_device
from ganzoo.machine.signals import Stopped
from ganzoo.pictures.tables import ScoreTable

Report = cells.Report


@dataclass(frozen=True)
class Bench:
    """What a benchmark did.

    out: its folder. report: the table of all finished cells, as in `OUT/report.json`. failed: the titles of this
    shard's cells that could not be finished, each with the reason.
    """

    out: Path
    report: dict[str, Any]
    failed: dict[str, str] = field(default_factory=dict)

    def tables(self) -> list[ScoreTable]:
        """A table for each data set."""
        return tables(self.report)

    def __repr__(self) -> str:
        parts = [f"{table.title}\n{replace(table, title='').text()}" for table in self.tables()]
        return "\n\n".join([*parts, *(f"failed: {title}: {why}" for title, why in self.failed.items())])

    def _repr_html_(self) -> str:
        failed = [html.escape(printable(f"failed: {title}: {why}")) for title, why in self.failed.items()]
        return "".join([*(table.html() for table in self.tables()), *(f"<p>{line}</p>" for line in failed)])


def bench(
    grid: str | Path | Mapping[str, Any],
    *,
    out: str | Path | None = None,
    shard: tuple[int, int] = (1, 1),
    jobs: int | str = 1,
    train: bool = True,
    report: Report = lambda line: None,
    **options: Any,
) -> Bench:
    """Train and score every cell of a grid, then write OUT/report.md, report.json and report.png.

    grid: a TOML file, or its keys as a mapping. out: a folder, by default `runs/bench-NAME` after the file. shard: part
    i of n, `(i, n)`; the parts can run at the same time, and write no report. jobs: cells that are trained at the same
    time on this machine, each in a process of its own with its part of the cores; "auto" tries what finishes most.
    train: if false, only the report is written. report is called with a line at each stage. options: fields of
    RunOptions, such as device and data_root.

    Raises GanzooError, before anything is written, for an invalid grid; Stopped after a signal, with everything saved.
    """
    read = read_grid(grid)
    given = options_of(read, options)
    check_options(read, given)
    folder = folder_of(read, out)
    if not train and not folder.is_dir():
        raise GanzooError(f"{folder} does not exist: name the benchmark's folder with --out, or leave --report out.")
    failed = run_cells(read, folder, shard, report, given, jobs) if train else {}
    made = make_report(read, folder, grid if isinstance(grid, (str, Path)) else None)
    # Shards may run at the same time, on several machines: they do not write the same files.
    if not train or shard == (1, 1):
        write_report(made, folder)
    return Bench(folder, made, failed)


def estimate(grid: str | Path | Mapping[str, Any], *, out: str | Path | None = None, **options: Any) -> DryRun:
    """What `bench` would train, and an estimate of its time and memory; trains a few steps, writes nothing."""
    read = read_grid(grid)
    given = options_of(read, options)
    check_options(read, given)
    return dry_run(read, folder_of(read, out), given)


def options_of(grid: Grid, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, and the grid's own where none was."""
    own = {} if grid.metrics is None else {"metrics": grid.metrics}
    return own | {name: value for name, value in options.items() if value is not None}


def folder_of(grid: Grid, out: str | Path | None) -> Path:
    """The benchmark's folder. Raises GanzooError if it is a file."""
    folder = typed_path(out) if out is not None else Path("runs") / f"bench-{grid.name}"
    if folder.exists() and not folder.is_dir():
        raise GanzooError(f"{folder} is a file: choose a folder with --out.")
    return folder


def check_options(grid: Grid, options: Mapping[str, Any]) -> None:
    """Raise GanzooError for options that would make every cell fail, and for metrics that a cell's data do not have."""
    for name in ("devices", "nodes"):
        if options.get(name, 1) != 1:
            raise GanzooError(f"a benchmark trains each cell on one device: leave {name} out, and use shards.")
    choose_device(make_options(**options).device)
    if "metrics" in options:
        for group in grid.groups:
            cell_plan(Cell(group, grid.seeds[0]), **options)


def run_cells(
    grid: Grid, out: Path, shard: tuple[int, int], report: Report, options: Mapping[str, Any], jobs: int | str = 1
) -> dict[str, str]:
    """Finish every cell of the shard; returns the titles of those that failed, each with the reason."""
    mine = grid.shard(*shard)
    for group, reason in grid.left_out:
        report(f"left out: {group.title}: {reason}.")
    unfinished = []
    for number, cell in enumerate(mine, 1):
        if cells.read_state(out, cell, options.get("metrics")).status == "finished":
            report(f"[{number}/{len(mine)}] {cell.title}: already finished.")
        else:
            cells.require_start(out, cell)
            unfinished.append(cell)
    count = how_many(jobs, unfinished, out, options, report)
    progress = _Progress(mine, unfinished, count, report)
    if count == 1:
        for cell in unfinished:
            progress.begin(cell)
            progress.end(cell, finish_cell(cell, out, report, options))
        return progress.failed
    pool = Pool(count, out, options, lambda cell, error: cells.record_failure(out, cell, "failed", error))
    pool.run(unfinished, progress.begin, report, progress.end)
    return progress.failed


def how_many(jobs: int | str, unfinished: Sequence[Cell], out: Path, options: Mapping[str, Any], report: Report) -> int:
    """How many cells to train at a time: `jobs`, or, for "auto", what finishes most of them per hour here."""
    if isinstance(jobs, int):
        return max(1, min(jobs, len(unfinished)))
    if choose_device(make_options(**options).device).type != "cpu":
        report("one cell at a time, as they share the GPU.")
        return 1
    count, why = choose_jobs(unfinished, out, options)
    report(f"{why}.")
    return count


class _Progress:
    """What is reported of the grid: which cell is begun, and how long all others will take.

    failed: the titles of cells that could not be finished, each with the reason.
    """

    def __init__(self, all_cells: Sequence[Cell], unfinished: Sequence[Cell], jobs: int, report: Report) -> None:
        self.numbers = {cell.folder: number for number, cell in enumerate(all_cells, 1)}
        self.left = {cell.folder: cell for cell in unfinished}
        self.jobs, self.report, self.pace = jobs, report, Pace()
        self.failed: dict[str, str] = {}
        self.begun: dict[Path, float] = {}

    def begin(self, cell: Cell) -> None:
        """A cell is about to be trained."""
        self.begun[cell.folder] = time.perf_counter()
        left = self.pace.left(list(self.left.values()), self.jobs)
        number = f"[{self.numbers[cell.folder]}/{len(self.numbers)}]"
        self.report(f"{number} {cell.title}{f', {left}' if left else ''} ...")

    def end(self, cell: Cell, problem: str) -> None:
        """A cell was finished, or could not be."""
        del self.left[cell.folder]
        if problem:
            self.failed[cell.title] = problem
        else:
            self.pace.add(cell, time.perf_counter() - self.begun[cell.folder])


def finish_cell(cell: Cell, out: Path, report: Report, options: Mapping[str, Any]) -> str:
    """Finish one cell; returns why it failed, or "". Only signals end the benchmark."""
    try:
        problem = cells.clear_failure(out, cell)
        if problem:
            report(problem)
        run = cells.finish(out, cell, report, **options)
        report(f"finished: {cell.title}: {short_scores(run.scores)}")
    except Stopped:
        raise
    except IncompatibleData as error:
        report(f"left out: {cell.title}: {cells.record_failure(out, cell, 'unsuited', error)}")
        return ""
    except Locked as error:
        report(f"left alone: {cell.title} is being trained elsewhere: {error}")
        return ""
    except cells.Mismatch as error:
        report(f"mismatch: {error}")
        return str(error)
    except Exception as error:
        line = cells.record_failure(out, cell, "failed", error)
        report(f"failed: {cell.title}: {line}")
        return line
    return ""


def short_scores(scores: Mapping[str, Any] | None) -> str:
    """The scores in one line; of several that differ in what is in brackets, the first."""
    found: dict[str, float] = {}
    for score in (scores or {}).get("scores", []):
        found.setdefault(score["name"].partition("[")[0], score["value"])
    return ", ".join(f"{name} {value:.4g}" for name, value in found.items()) or "no scores"
