"""The benchmarks of steps and threads, with fake processes and a real one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import results, steps, threads
from benchmarks.loops.cases import BEST, CASES, CHANNELS_LAST, GANZOO, TUTORIAL, Case
from benchmarks.loops.processes import LoopProcess

SECONDS = {TUTORIAL: 6.0, BEST: 3.0, CHANNELS_LAST: 2.0, GANZOO: 4.0}


class FakeProcess:
    """A fake process that reports a fixed time."""

    def __init__(
        self, case: Case, loop: str, environment: dict[str, str], batch: Any, root: Any, precision: str = "fp32"
    ) -> None:
        self.facts = {"batch": batch or 64, "images": 320, "data": "random images", "before": 100.0}
        self.seconds = SECONDS[loop] / int(environment["OMP_NUM_THREADS"])

    def run(self, steps: int) -> float:
        return steps * self.seconds

    def send(self, line: str) -> None:
        assert line.startswith("seconds ")

    def receive(self) -> list[float]:
        return [self.seconds]

    def peak(self) -> float:
        return 200.0

    def end(self) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    return tmp_path


def test_steps_are_compared_with_the_faster_layout(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LoopProcess", FakeProcess)
    for cases in (["vanilla", "wgan-gp-28"], ["dcgan-28"]):
        monkeypatch.setattr(sys, "argv", ["steps", *cases, "--threads", "2", "1", "--repetitions", "6"])
        steps.main()
    found = json.loads((folder / "steps.json").read_text("utf-8"))
    assert list(found["rows"]) == ["vanilla", "dcgan-28", "wgan-gp-28"]
    row = found["rows"]["wgan-gp-28"]
    assert row["data"] == "random images"
    assert row["batch"] == 64
    two = row["threads 2"]
    assert two["best layout"] == "channels-last"
    assert two["ganzoo / best"]["median"] == 2
    assert two["tutorial / ganzoo"]["median"] == 1.5
    assert two["seconds"]["ganzoo"]["median"] == 2
    assert two["images per second"]["ganzoo"] == 160
    assert found["rows"]["vanilla"]["threads 1"]["ganzoo / best"]["median"] == pytest.approx(4 / 3)


def test_threads_are_measured_alone_and_side_by_side(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LoopProcess", FakeProcess)
    monkeypatch.setattr(sys, "argv", ["threads", "vanilla", "--rounds", "1", "--seconds", "1"])
    threads.main()
    found = json.loads((folder / "threads.json").read_text("utf-8"))["seconds a step"]["vanilla"]
    assert found["1 thread"] == {"alone": 4.0, "two side by side": 4.0}


def test_a_loop_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    process = LoopProcess(CASES["vanilla"], GANZOO, {"OMP_NUM_THREADS": "1"}, 4, str(tmp_path))
    assert process.facts.items() >= {"batch": 4, "images": 4, "data": "random images"}.items()
    assert 0 < process.run(1) < 60
    process.send("seconds 0.01")
    assert min(process.receive()) > 0
    assert process.peak() > process.facts["before"] > 1
    process.end()
    assert process.process.returncode == 0
