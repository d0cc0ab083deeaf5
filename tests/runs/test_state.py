"""How far a run is, from its folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ganzoo.files.lock import Lock, is_held
from ganzoo.files.records import last_record
from ganzoo.runs.reading import LOGGED, read_info
from ganzoo.runs.state import State, state_of


@pytest.fixture
def folder(digits_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(digits_run, tmp_path / "run"))


def state(folder: Path, **recipe: Any) -> State:
    info = read_info(folder / "recipe.json")
    return state_of(folder, info | {"recipe": info["recipe"] | recipe})


def hint(folder: Path, step: int, name: str) -> None:
    record = {"step": step, "name": name, "hint": "", "values": {}}
    (folder / "hints.jsonl").write_text(json.dumps(record) + "\n")


def test_a_run_is_finished_at_its_last_step(folder: Path) -> None:
    found = state(folder)
    assert (found.name, found.step, found.steps, found.progress) == ("finished", 3, 3, "3")


def test_a_run_whose_last_step_is_not_saved_is_stopped(folder: Path) -> None:
    found = state(folder, steps=2000)
    assert (found.name, found.progress) == ("stopped", "3 of 2,000")


def test_a_run_whose_folder_is_locked_is_running_and_as_far_as_its_log(folder: Path) -> None:
    with (folder / "metrics.jsonl").open("a") as log:
        log.write('{"step": 9, "seconds": 2.5, "g/loss": 0.5}\n{"step": 10, "seco')
    lock = Lock(folder)
    found = state(folder, steps=20)
    lock.release()
    assert (found.name, found.step, found.seconds) == ("running", 9, 2.5)
    assert state(folder, steps=20).name == "stopped"


def test_asking_does_not_keep_anybody_from_training(folder: Path) -> None:
    assert not is_held(folder)
    assert not is_held(folder / "absent")
    Lock(folder).release()


def test_a_run_that_ended_at_a_number_that_is_not_finite_has_failed(folder: Path) -> None:
    hint(folder, 5, "non-finite")
    assert state(folder, steps=20).name == "failed"
    # It was resumed from there, and got further.
    hint(folder, 2, "non-finite")
    assert state(folder, steps=20).name == "stopped"
    hint(folder, 5, "mode-collapse")
    assert state(folder, steps=20).name == "stopped"


@pytest.mark.parametrize("steps", [None, "many", True, -1, 1.5])
def test_steps_that_are_none_are_not_shown(steps: Any, folder: Path) -> None:
    found = state(folder, steps=steps)
    assert (found.name, found.steps, found.progress) == ("stopped", None, "3")


def test_of_a_long_log_only_the_end_is_read(tmp_path: Path) -> None:
    log = tmp_path / "metrics.jsonl"
    assert last_record(log, *LOGGED) is None
    log.write_text("x" * 10_000_000 + '\n{"step": 8, "seconds": 1.0}\n{"step": "x"}\n{"st')
    assert last_record(log, *LOGGED) == {"step": 8, "seconds": 1.0}
