"""Cells of a benchmark at the same time: as they are one after the other, and none is lost with its process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from small import SMALL

from ganzoo.api.bench import side_by_side
from ganzoo.api.bench.grid import Cell, cell_plan, make_grid
from ganzoo.api.bench.runner import bench, run_cells
from ganzoo.api.bench.side_by_side import Lost, choose_jobs, parse_jobs
from ganzoo.api.train import execute
from ganzoo.errors import GanzooError
from ganzoo.files import checkpoint
from ganzoo.machine.signals import Stopped

GRID: dict[str, Any] = {
    "variants": ["vanilla"],
    "datasets": ["points:ring"],
    "seeds": [0, 1, 2],
    "steps": 4,
    "set": {key: value for key, value in SMALL.items() if key != "batch"} | {"batch": 16},
}
CELLS = make_grid(GRID).cells
# Other metrics take seconds a cell.
OPTIONS: dict[str, Any] = {"device": "cpu", "progress": False, "metrics": "modes"}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def weights(run: Path) -> dict[str, Any]:
    state: dict[str, Any] = checkpoint.newest(run / "checkpoints")[1]["gan"]
    return state


def test_cells_side_by_side_are_those_that_are_trained_one_after_the_other() -> None:
    lines: list[str] = []
    done = bench(GRID | {"seeds": [0, 1]}, out="out", jobs=2, report=lines.append, **OPTIONS)
    assert not done.failed
    assert done.report["groups"][0]["done"] == [0, 1]
    for seed in (0, 1):
        alone = execute(cell_plan(CELLS[seed], out=f"alone-{seed}", **OPTIONS)).run
        kept, made = weights(Path("out") / CELLS[seed].folder), weights(alone.path)
        assert all(torch.equal(value, made[name]) for name, value in kept.items())
    assert [line[:5] for line in lines if line.startswith("[")] == ["[1/2]", "[2/2]"]
    assert sum(line.startswith("finished: ") for line in lines) == 2


ANSWERS = """
import json, os, signal, sys
job = json.loads(sys.stdin.readline())
for line in sys.stdin:
    cell = json.loads(line)["finish"]
    if cell["seed"] == 1 and not os.path.exists("killed"):
        open("killed", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    print(json.dumps({"line": f"seed {cell['seed']} of {cell['group']['variant']}"}), flush=True)
    print(json.dumps({"done": "it failed" if cell["seed"] == 2 else ""}), flush=True)
"""
"""A process that finishes cells at once, is lost with one, and fails another."""


def test_a_cell_whose_process_is_lost_has_failed_and_the_others_are_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "PROGRAM", [sys.executable, "-c", ANSWERS])
    lines: list[str] = []
    grid = make_grid(GRID | {"seeds": [0, 1, 2, 3, 4]})
    failed = run_cells(grid, Path("out"), (1, 1), lines.append, OPTIONS, 2)
    lost = "the process that trained it ended (signal 9; 9 is often a lack of memory)."
    one, two = (f"vanilla.points on points:ring, seed {seed}" for seed in (1, 2))
    assert failed == {one: lost, two: "it failed"}
    assert sorted(line for line in lines if line.startswith("seed")) == [
        f"seed {n} of vanilla.points" for n in (0, 2, 3, 4)
    ]
    assert len([line for line in lines if line.startswith("[")]) == 5
    assert lost in next(Path("out").glob("*/seed-1.failed.json")).read_text("utf-8")


def test_a_signal_stops_all_cells_with_their_states_saved() -> None:
    long = GRID | {"seeds": [0, 1], "steps": 1_000_000}

    def stop() -> None:
        until = time.monotonic() + 100
        logs = [Path("out") / CELLS[seed].folder / "metrics.jsonl" for seed in (0, 1)]
        while time.monotonic() < until and not all(log.exists() and log.stat().st_size for log in logs):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(Stopped, match="SIGTERM"):
        bench(long, out="out", jobs=2, **OPTIONS)
    for seed in (0, 1):
        assert any((Path("out") / CELLS[seed].folder / "checkpoints").glob("step-*.json"))


def test_a_worker_whose_benchmark_is_gone_does_its_work_and_ends() -> None:
    job = {"out": "out", "options": OPTIONS}
    request = {"measure": {"group": {"variant": "vanilla.points", "dataset": "points:ring"}, "seed": 0}}
    process = subprocess.Popen(side_by_side.PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{json.dumps(job)}\n{json.dumps(request)}\n")
    process.stdin.close()
    process.stdout.close()
    assert process.wait(120) == 0


GIGABYTE = 10**9


def chosen(monkeypatch: pytest.MonkeyPatch, alone: float, together: float, memory: int | None = 64 * GIGABYTE) -> Any:
    """What is chosen on four cores, if a cell takes these seconds, and 10 GB."""

    def measure(cell: Cell, out: Path, options: Any, jobs: int) -> list[dict[str, Any]]:
        tried.append(jobs)
        return [{"seconds": alone if jobs == 1 else together, "memory": 10 * GIGABYTE}] * jobs

    tried: list[int] = []
    monkeypatch.setattr(side_by_side, "measure", measure)
    monkeypatch.setattr(side_by_side, "cores", lambda: 4)
    monkeypatch.setattr(side_by_side, "available_memory", lambda: memory)
    return (*choose_jobs(CELLS * 2, Path("out"), {}), tried)


def test_as_many_cells_are_trained_at_a_time_as_finish_most(monkeypatch: pytest.MonkeyPatch) -> None:
    count, why, tried = chosen(monkeypatch, alone=10, together=20)
    assert (count, tried) == (4, [1, 4])
    assert why == "4 cells at a time: 4 side by side train 2.00 times as fast as one after the other"
    count, why, tried = chosen(monkeypatch, alone=10, together=50)
    assert count == 1
    assert "0.80 times" in why


def test_cells_that_do_not_fit_into_memory_are_not_trained_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(monkeypatch, alone=10, together=1, memory=30 * GIGABYTE)[0] == 2
    count, why, tried = chosen(monkeypatch, alone=10, together=1, memory=20 * GIGABYTE)
    assert (count, tried) == (1, [1])
    assert why == "one cell at a time: each takes about 9.3 GiB, and 18.6 GiB of memory are available"
    assert chosen(monkeypatch, alone=10, together=1, memory=None)[0] == 4


def test_one_core_or_one_cell_needs_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_jobs(CELLS[:1], Path("out"), {})[0] == 1
    monkeypatch.setattr(side_by_side, "cores", lambda: 1)
    assert choose_jobs(CELLS, Path("out"), {})[0] == 1


def test_what_cannot_be_tried_is_trained_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: Any) -> list[dict[str, Any]]:
        raise Lost(-9)

    monkeypatch.setattr(side_by_side, "measure", fails)
    monkeypatch.setattr(side_by_side, "cores", lambda: 4)
    assert choose_jobs(CELLS, Path("out"), {}) == (1, f"one cell at a time: {CELLS[0].title} could not be tried")


def test_auto_measures_in_processes_of_their_own() -> None:
    (found,) = side_by_side.measure(CELLS[0], Path("out"), OPTIONS, 1)
    assert 0 < found["seconds"] < 100
    assert found["memory"] > 10**7
    assert not Path("out").exists()


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "", "99999"])
def test_a_number_of_jobs_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(GanzooError, match="how many cells to train at a time, such as 2, or auto"):
        parse_jobs(text)
    assert parse_jobs("3") == 3
    assert parse_jobs("auto") == "auto"
