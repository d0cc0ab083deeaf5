"""A callback that ends training early: what is printed, saved, scored and resumed is what was trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small import SET, SMALL, same

import ganzoo
from ganzoo import hookimpl
from ganzoo.api.bench.runner import bench
from ganzoo.callbacks import Callback
from ganzoo.cli import run as typed
from ganzoo.files import checkpoint
from ganzoo.zoo.loading import Plugin
from ganzoo.zoo.zoo import Zoo


class Early(Callback):
    """Ends training after a step; before the first one if that is 0."""

    def __init__(self, at: int) -> None:
        self.at = at

    def on_start(self, trainer: Any) -> None:
        trainer.stop_requested = self.at == 0

    def on_step(self, trainer: Any) -> None:
        trainer.stop_requested |= trainer.progress.step == self.at


@pytest.fixture
def stop_at(fresh: Zoo) -> Callable[[int], None]:
    """Installs a plugin that ends training after this step."""

    def install(step: int) -> None:
        class Module(SimpleNamespace):
            __hash__ = object.__hash__

        def ganzoo_callbacks() -> list[Callback]:
            return [Early(step)]

        module = Module(ganzoo_callbacks=hookimpl(ganzoo_callbacks))
        assert fresh.add(Plugin("early", "ganzoo-early", "1.0", module)).error == ""

    return install


def train(folder: Path, *more: str) -> int:
    return typed(["train", "vanilla", *SET, "--steps", "200", "--device", "cpu", "--out", str(folder), *more])


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_closing_lines_name_the_steps_that_were_trained(
    stop_at: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    stop_at(40)
    assert train(Path("run"), "--no-scores") == 0
    shown = capsys.readouterr().out
    assert "trained 40 of 200 steps" in shown
    assert "a callback requested the stop" in shown
    assert shown.endswith("ganzoo resume run\n")
    assert "--steps" not in shown
    assert checkpoint.newest(Path("run/checkpoints"))[1]["progress"]["step"] == 40


def test_a_stopped_run_is_scored_at_its_own_step(stop_at: Callable[[int], None]) -> None:
    stop_at(40)
    assert train(Path("run")) == 0
    scores = json.loads(Path("run/scores.json").read_text())["scores"]
    assert {score["protocol"]["step"] for score in scores} == {40}


def test_a_stopped_run_is_resumed_to_its_end_and_is_that_of_an_unbroken_one(
    stop_at: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(Path("straight"), "--no-scores") == 0
    assert "trained 200 steps" in capsys.readouterr().out
    stop_at(40)
    assert train(Path("run"), "--no-scores") == 0
    assert ganzoo.load("run").step == 40
    assert typed(["resume", "run", "--no-scores"]) == 0
    shown = capsys.readouterr().out
    assert "run: step 40 to 200" in shown
    assert "trained 200 steps" in shown
    assert "160 of them now" in shown
    ends = [checkpoint.newest(Path(name, "checkpoints"))[1] for name in ("run", "straight")]
    assert same(*ends)
    for file in ("diagnosis.jsonl",):
        assert Path("run", file).read_bytes() == Path("straight", file).read_bytes()


def test_in_python_the_run_says_how_far_it_got(stop_at: Callable[[int], None]) -> None:
    stop_at(40)
    run = ganzoo.train("vanilla", set=SMALL, steps=200, out="run", progress=False, device="cpu")
    assert (run.step, run.recipe.steps) == (40, 200)
    assert run.metrics()[-1]["step"] == 40


def test_a_stop_before_the_first_step_is_no_score_and_no_error(
    stop_at: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    stop_at(0)
    assert train(Path("run")) == 0
    captured = capsys.readouterr()
    assert "trained 0 of 200 steps" in captured.out
    assert captured.out.endswith("next: ganzoo resume run\n")
    assert "error" not in captured.err
    assert not Path("run/scores.json").exists()


def test_a_stop_in_the_last_step_is_the_end(stop_at: Callable[[int], None], capsys: pytest.CaptureFixture[str]) -> None:
    stop_at(200)
    assert train(Path("run"), "--no-scores") == 0
    assert "trained 200 steps" in capsys.readouterr().out


def test_a_benchmark_does_not_count_a_stopped_cell(stop_at: Callable[[int], None]) -> None:
    grid = {"variants": ["vanilla"], "datasets": ["digits"], "seeds": [0], "steps": 60, "set": SMALL}
    stop_at(40)
    done = bench(grid, out="grid", progress=False, device="cpu")
    (problem,) = done.failed.values()
    assert "a callback ended the training of" in problem
    assert "at step 40 of 60" in problem
    # The next start resumes it, past the step of the stop.
    assert bench(grid, out="grid", progress=False, device="cpu").failed == {}
