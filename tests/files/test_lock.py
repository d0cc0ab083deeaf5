"""One process trains in a run folder at a time, and a crash leaves no lock behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from small import train_digits

import ganzoo
from ganzoo.api import execution, planning, train
from ganzoo.api.train import execute
from ganzoo.errors import GanzooError, TrainingError
from ganzoo.files.lock import NAME, UNSUPPORTED, Lock, Locked, held, locked
from ganzoo.runs.folders import claim, require_new

HOLDER = """
import sys, time
from pathlib import Path
from ganzoo.files.lock import Lock
lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder's lock."""
    child = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        yield child
    finally:
        child.kill()
        child.communicate()


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    with holder(tmp_path) as child:
        busy = r"another process is training in .*: wait until it has finished, or"
        with pytest.raises(Locked, match=busy) as caught:
            Lock(tmp_path)
        assert "\n" not in str(caught.value)
        child.send_signal(signal.SIGKILL)
        child.wait()
        Lock(tmp_path).release()


def test_a_run_in_training_is_not_resumed_but_sampled(digits_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(digits_run, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with holder(folder):
        with pytest.raises(Locked):
            ganzoo.resume(folder, steps=6, device="cpu", progress=False)
        assert ganzoo.load(folder).sample(2).shape == (2, 1, 8, 8)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert ganzoo.resume(folder, steps=4, device="cpu", progress=False).metrics()[-1]["step"] == 4


def test_the_same_process_cannot_hold_it_twice_and_a_block_lets_it_go(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(Locked), held(tmp_path):
        pass
    with held(tmp_path) as lock:
        assert lock is not None


def test_ranks_other_than_the_first_go_without(tmp_path: Path) -> None:
    with held(tmp_path), held(tmp_path, wanted=False) as lock:
        assert lock is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(GanzooError, match="cannot write to"):
        Lock(tmp_path)


def test_a_training_lets_its_lock_go_when_it_ends_and_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_digits(tmp_path / "done")
    Lock(tmp_path / "done").release()

    def broken(*arguments: object, **options: object) -> None:
        raise TrainingError("no")

    monkeypatch.setattr(train, "run_training", broken)
    with pytest.raises(TrainingError, match="no"):
        train_digits(tmp_path / "failed")
    Lock(tmp_path / "failed").release()


def test_two_trainings_into_one_new_folder_make_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second checks the folder while it is empty, and claims it after the first has."""
    build = planning.build
    plans = [planning.plan("vanilla", dataset="digits", steps=1, out=str(tmp_path / "run"), device="cpu")]

    def meanwhile(plan: planning.Plan, data: object) -> object:
        if plans:
            plans.pop()
            train_digits(tmp_path / "run")
        return build(plan, data)  # type: ignore[arg-type]

    monkeypatch.setattr(execution, "build", meanwhile)
    with pytest.raises(GanzooError, match="is not empty: choose another folder with --out"):
        execute(plans[0])
    assert ganzoo.load(tmp_path / "run").recipe.steps == 3


def test_names_are_given_out_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    locks = [claim(None, "a") for _ in range(3)]
    assert [lock.folder for lock in locks] == [Path(f"runs/a-{number}") for number in (1, 2, 3)]
    for lock in locks:
        lock.release()


def test_a_folder_with_nothing_but_a_lock_is_still_new(tmp_path: Path) -> None:
    Lock(tmp_path).release()
    (tmp_path / ".recipe.json.4711").write_text("{")
    assert (tmp_path / NAME).exists()
    require_new(tmp_path)


@pytest.mark.parametrize("again", [False, True])
def test_a_folder_that_was_removed_or_replaced_is_noticed(tmp_path: Path, again: bool) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    lock = Lock(folder)
    lock.check()
    shutil.rmtree(folder)
    other = None
    if again:
        (tmp_path / "filler").touch()
        folder.mkdir()
        other = Lock(folder)
    with pytest.raises(TrainingError, match="was removed or replaced during training: nothing more was written"):
        lock.check()
    lock.release()
    if other:
        other.check()
        other.release()


@pytest.mark.parametrize("code", UNSUPPORTED)
def test_a_file_system_without_locks_is_one_warning(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(descriptor: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", fails)
    run = train_digits(tmp_path / "r", steps=2)
    assert run.metrics()[-1]["step"] == 2
    with locked(tmp_path / "r" / "scores.lock"):
        pass
    lines = [record.getMessage() for record in caplog.records if "no locks" in record.getMessage()]
    assert lines == [
        f"{tmp_path}/r: this file system has no locks; let no other process write to that folder meanwhile."
    ]
    lock = Lock(tmp_path / "r")
    lock.check()
    shutil.rmtree(tmp_path / "r")
    with pytest.raises(TrainingError, match="was removed or replaced"):
        lock.check()
    lock.release()
