"""What a grid would take: its cells, their time and their memory. Trains a few steps of each group, writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.api import planning
from ganzoo.api.bench import cells
from ganzoo.api.bench.grid import Cell, Grid, Group, cell_plan
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError, printable
from ganzoo.machine.launch import choose_device
from ganzoo.machine.memory import format_bytes, peak_memory, reset_peak
from ganzoo.pictures.tables import ScoreTable, format_duration
from ganzoo.zoo.datasets import load_data

HEADER = ["cell", "data", "seeds", "to train", "steps", "time of one", "time in all"]


@dataclass(frozen=True)
class Estimate:
    """A group: the seeds that are not finished, and for each the seconds of training; a problem instead of these."""

    group: Group
    seeds: Sequence[int]
    unfinished: Sequence[int]
    steps: int = 0
    seconds: float = 0.0
    problem: str = ""

    @property
    def total(self) -> float:
        """Seconds of all unfinished seeds, one after the other."""
        return self.seconds * len(self.unfinished)


@dataclass(frozen=True)
class DryRun:
    """Estimates of all groups.

    memory: peak in bytes, of the GPU if one is used, else of the process; None if it is unknown.
    """

    estimates: list[Estimate]
    memory: int | None
    on_gpu: bool

    def table(self) -> ScoreTable:
        """A row for each group."""
        rows = []
        for found in self.estimates:
            times = [f"{found.steps:,}", format_duration(found.seconds), format_duration(found.total)]
            seeds = ", ".join(map(str, found.seeds))
            group = found.group
            title = f"{group.variant}{f' ({group.note})' if group.note else ''}"
            shown = times if not found.problem else ["", "", ""]
            rows.append([title, group.dataset, seeds, str(len(found.unfinished)), *shown])
        problems = [f"{found.group.title}: {found.problem}" for found in self.estimates if found.problem]
        return ScoreTable("", HEADER, rows, left=3, notes=problems)

    def lines(self) -> list[str]:
        """Time and memory in all."""
        count = sum(len(found.unfinished) for found in self.estimates)
        total = sum(found.total for found in self.estimates)
        lines = [f"{count} cells to train: about {format_duration(total)} of training, one after the other"]
        if self.memory is not None:
            where = "on the GPU" if self.on_gpu else "for the process"
            lines.append(f"memory: about {format_bytes(self.memory)} {where} at most")
        return [*lines, "scoring comes on top of this. dry run: nothing was trained or written."]


def dry_run(grid: Grid, out: Path, options: Mapping[str, Any]) -> DryRun:
    """Estimate the unfinished cells of a grid in the folder `out`."""
    device = choose_device(planning.make_options(**options).device)
    read: dict[Any, Dataset] = {}
    reset_peak(device)
    estimates = []
    for group in grid.groups:
        unfinished = [s for s in grid.seeds if cells.read_state(out, Cell(group, s)).status != "finished"]
        for seed in unfinished:
            cells.require_start(out, Cell(group, seed))
        estimates.append(_estimate(group, grid.seeds, unfinished, options, read))
    return DryRun(estimates, peak_memory(device), device.type == "cuda")


def _estimate(
    group: Group, seeds: Sequence[int], unfinished: Sequence[int], options: Mapping[str, Any], read: dict[Any, Dataset]
) -> Estimate:
    plan = cell_plan(Cell(group, seeds[0]), **options)
    if not unfinished:
        return Estimate(group, seeds, unfinished, plan.recipe.steps)
    try:
        key = repr(plan.recipe.data)
        dataset = read.setdefault(key, read.get(key) or load_data(plan.recipe.data, plan.options))
        seconds = planning.estimate(plan, dataset)
    except GanzooError as error:
        return Estimate(group, seeds, unfinished, plan.recipe.steps, problem=printable(str(error)))
    return Estimate(group, seeds, unfinished, plan.recipe.steps, seconds)
