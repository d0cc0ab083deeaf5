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
from small import SMALL

from ganzoo.api.bench import side_by_side
from ganzoo.api.bench.grid import Cell, make_grid
from ganzoo.api.bench.runner import bench
from ganzoo.api.bench.side_by_side import Lost, Worker, choose_jobs, parse_jobs
from ganzoo.errors import GanzooError
from ganzoo.machine.signals import Stopped

GRID: dict[str, Any] = {
    "variants": ["vanilla"],
    "datasets": ["points:ring"],
    "seeds": [0, 1, 2],
    "steps": 4,
    "set": {key: value for key, value in SMALL.items() if key != "batch"} | {"batch": 16},
}
OPTIONS = {"device": "cpu", "progress": False}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def without_times(report: dict[str, Any]) -> list[Any]:
    groups = json.loads(json.dumps(report["groups"]))
    for group in groups:
        for key in [key for key in group if "seconds" in key or key == "cost"]:
            del group[key]
    return groups


def test_cells_side_by_side_are_those_that_are_trained_one_after_the_other() -> None:
    lines: list[str] = []
    together = bench(GRID, out="together", jobs=2, report=lines.append, **OPTIONS)
    alone = bench(GRID, out="alone", **OPTIONS)
    assert not together.failed
    assert [group["done"] for group in together.report["groups"]] == [[0, 1, 2]]
    assert without_times(together.report) == without_times(alone.report)
    began = [line for line in lines if line.startswith("[")]
    assert [line[:5] for line in began] == ["[1/3]", "[2/3]", "[3/3]"]
    assert sum(line.startswith("finished: ") for line in lines) == 3


def test_a_cell_whose_process_is_killed_has_failed_and_the_others_are_finished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[Worker] = []
    start = Worker.start

    def kill_the_first(self: Worker, what: str, cell: Cell) -> None:
        start(self, what, cell)
        if not started:
            self.process.kill()
        started.append(self)

    monkeypatch.setattr(Worker, "start", kill_the_first)
    done = bench(GRID | {"seeds": [0, 1]}, out="out", jobs=2, **OPTIONS)
    ((title, why),) = done.failed.items()
    assert "seed 0" in title or "seed 1" in title
    assert "signal 9" in why
    assert len(done.report["groups"][0]["done"]) == 1
    # The same command finishes what is left.
    monkeypatch.setattr(Worker, "start", start)
    again = bench(GRID | {"seeds": [0, 1]}, out="out", **OPTIONS)
    assert (again.failed, again.report["groups"][0]["done"]) == ({}, [0, 1])


def test_a_signal_stops_all_cells_with_their_states_saved() -> None:
    long = GRID | {"seeds": [0, 1], "steps": 1_000_000}

    def stop() -> None:
        until = time.monotonic() + 100
        logs = [Path(f"out/vanilla.points-points-ring/seed-{seed}/metrics.jsonl") for seed in (0, 1)]
        while time.monotonic() < until and not all(log.exists() and log.stat().st_size for log in logs):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(Stopped, match="SIGTERM"):
        bench(long, out="out", jobs=2, **OPTIONS)
    for seed in (0, 1):
        assert any(Path(f"out/vanilla.points-points-ring/seed-{seed}/checkpoints").glob("step-*.json"))


def test_a_worker_whose_benchmark_is_gone_finishes_its_cell(tmp_path: Path) -> None:
    cell = make_grid(GRID).cells[0]
    job = {"out": str(tmp_path / "out"), "options": OPTIONS}
    request = {"finish": {"group": vars(cell.group) | {"set": dict(cell.group.set), "swept": {}}, "seed": 0}}
    process = subprocess.Popen(
        [sys.executable, "-m", "ganzoo.api.bench.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{json.dumps(job)}\n{json.dumps(request)}\n")
    process.stdin.close()
    process.stdout.close()
    assert process.wait(120) == 0
    assert (tmp_path / "out" / cell.folder / "scores.json").exists()


CELLS = make_grid(GRID).cells
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
