"""Signals: training finishes its step and saves; anything else ends at once with one line; ranks stop together."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from processes import ENVIRONMENT, gloo_or_skip
from small import SET, recipe, same, train_digits, trainer

import ganzoo
from ganzoo.api import execution, planning, train
from ganzoo.api.execution import make_callbacks
from ganzoo.callbacks import Callback
from ganzoo.cli import printing, run
from ganzoo.files import checkpoint
from ganzoo.machine.signals import NAMES, Interrupted, Stopped, handled, interrupt, interruptible
from ganzoo.training.trainer import Trainer

NUMBERS = [signal.Signals[name] for name in NAMES if name in signal.Signals.__members__]
TRAIN = ["train", "vanilla", "--dataset", "digits", *SET, "--no-scores", "--device", "cpu"]


class Sends(Callback):
    """Sends this process a signal in a step, just before the last callbacks of that step."""

    def __init__(self, number: int, step: int) -> None:
        self.number, self.step = number, step

    def on_step(self, trainer: Trainer) -> None:
        if trainer.progress.step == self.step:
            signal.raise_signal(self.number)


@pytest.fixture
def sending(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Make every training run receive a signal in a step."""

    def send(number: int, step: int) -> None:
        made = make_callbacks
        monkeypatch.setattr(execution, "make_callbacks", lambda *given: [Sends(number, step), *made(*given)])

    return send


@pytest.mark.parametrize("number", NUMBERS)
def test_a_training_finishes_the_step_saves_and_goes_on_bitwise(
    number: int, sending: Callable[[int, int], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sending(number, 5)
    with interruptible(), pytest.raises(Stopped) as caught:
        train_digits(tmp_path / "r", steps=8)
    assert (caught.value.number, caught.value.step, caught.value.path) == (number, 5, tmp_path / "r")
    assert checkpoint.newest(tmp_path / "r" / "checkpoints")[0].name == "step-000000005.pt"
    assert (tmp_path / "r" / "samples.png").exists()
    monkeypatch.undo()
    resumed = ganzoo.resume(tmp_path / "r", progress=False, device="cpu")
    straight = train_digits(tmp_path / "straight", steps=8)
    assert same(*[checkpoint.newest(one.checkpoints)[1] for one in (resumed, straight)])
    for name in ("samples", "samples.png", "training.gif"):
        files = [
            {file.name: file.read_bytes() for file in sorted(path.glob("*"))} if path.is_dir() else path.read_bytes()
            for path in (resumed.path / name, straight.path / name)
        ]
        assert files[0] == files[1], name


def test_a_signal_in_the_last_step_is_no_stop(sending: Callable[[int, int], None], tmp_path: Path) -> None:
    sending(signal.SIGTERM, 3)
    assert train_digits(tmp_path / "r", steps=3).metrics()[-1]["step"] == 3


def test_a_second_signal_ends_at_once_even_in_a_save_and_leaves_the_checkpoint_before(
    sending: Callable[[int, int], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    sending(signal.SIGINT, 7)
    sync = os.fsync

    def interrupted(descriptor: int) -> None:
        if any((tmp_path / "r" / "checkpoints").glob(".step-000000007.pt.*")):
            signal.raise_signal(signal.SIGINT)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", interrupted)
    with interruptible():
        assert run([*TRAIN, "--steps", "50", "--out", str(tmp_path / "r")]) == 130
    line = capsys.readouterr().err.splitlines()[-1]
    assert "stopped by SIGINT at once. The checkpoint of step 5 is intact" in line
    assert f"resume with `ganzoo resume {tmp_path}" in line
    folder = tmp_path / "r" / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == ["step-000000005.json", "step-000000005.pt"]
    assert checkpoint.newest(folder)[2] == []
    # The previous handlers are restored.
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("where", "name"), [(execution, "load_data"), (execution, "build"), (planning, "plan"), (train, "describe_data")]
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_before_the_training_a_signal_is_one_line(
    where: Any, name: str, number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setattr(where, name, lambda *given, **options: signal.raise_signal(number))
    with interruptible():
        assert run([*TRAIN, "--out", str(tmp_path / "r")]) == 128 + number
    assert capsys.readouterr().err == f"error: stopped by {signal.Signals(number).name}.\n"


def test_while_scores_are_computed_a_signal_says_that_the_training_is_saved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setattr(printing, "evaluate", lambda *given, **options: signal.raise_signal(signal.SIGTERM))
    arguments = [argument for argument in TRAIN if argument != "--no-scores"]
    with interruptible():
        assert run([*arguments, "--steps", "2", "--out", str(tmp_path / "r")]) == 143
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"training has finished and is saved; score it with `ganzoo eval {tmp_path}" in line


@pytest.mark.parametrize("first", [signal.SIGHUP, signal.SIGTERM])
def test_a_terminal_that_hangs_up_twice_stops_a_training_once(
    first: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = make_callbacks
    twice = [Sends(first, 5), Sends(signal.SIGHUP, 5)]
    monkeypatch.setattr(execution, "make_callbacks", lambda *given: [*twice, *made(*given)])
    with interruptible(), pytest.raises(Stopped) as caught:
        train_digits(tmp_path / "r", steps=50)
    assert (caught.value.number, caught.value.step) == (first, 5)
    assert checkpoint.newest(tmp_path / "r" / "checkpoints")[0].name == "step-000000005.pt"
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


@pytest.mark.parametrize("own", [signal.SIG_IGN, lambda number, frame: None], ids=["ignored", "handled"])
def test_what_the_calling_program_does_about_a_signal_stays(own: Any) -> None:
    before = signal.signal(signal.SIGTERM, own)
    try:
        with handled(interrupt):
            assert signal.getsignal(signal.SIGTERM) is own
            assert signal.getsignal(signal.SIGINT) is interrupt
        assert signal.getsignal(signal.SIGTERM) is own
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_nothing_that_guards_against_errors_holds_an_interruption() -> None:
    def guarded() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except Exception:
            pytest.fail("it was held")

    with interruptible(), pytest.raises(Interrupted):
        guarded()


def test_a_signal_during_the_exchange_between_ranks_is_kept_for_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    playing = trainer(recipe())
    monkeypatch.setattr(playing, "fabric", SimpleNamespace(world_size=2, device=torch.device("cpu")))
    exchanged = []

    def exchange(fabric: Any, numbers: list[float]) -> list[float]:
        exchanged.append(numbers)
        playing.signal, playing.stop_requested = signal.SIGTERM, True
        return numbers

    monkeypatch.setattr("ganzoo.training.trainer.maximum", exchange)
    # Not yet: the other rank does not know of it, and would wait for this one in the next step.
    assert not playing._agree_to_stop()
    assert playing._agree_to_stop()
    assert exchanged[1] == [0.0, 1.0, float(signal.SIGTERM)]
    assert playing.signal == signal.SIGTERM


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_two_ranks_stop_after_the_same_step_whichever_got_the_signal(rank: int, tmp_path: Path) -> None:
    gloo_or_skip()
    if not Path("/proc/self/task").exists():
        pytest.skip("the other rank's process is found through /proc")
    number = signal.SIGTERM if rank == 0 else signal.SIGUSR1
    arguments = [sys.executable, "-m", "ganzoo", *TRAIN, "--steps", "1000000", "--devices", "2", "--out", "r"]
    child = subprocess.Popen(
        arguments, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        log, end = tmp_path / "r" / "metrics.jsonl", time.monotonic() + 300
        while not (log.exists() and log.stat().st_size) and time.monotonic() < end and child.poll() is None:
            time.sleep(0.1)
        other = int(Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()[0])
        os.kill(child.pid if rank == 0 else other, number)
        _, err = child.communicate(timeout=300)
    finally:
        child.kill()
    assert child.returncode == 128 + number, err
    assert len(re.findall("stopped: the current step was finished and saved; resume with", err)) == 1
    assert "Traceback" not in err
    assert "error:" not in err
    assert not Path(f"/proc/{other}").exists()
    path, state, problems = checkpoint.newest(tmp_path / "r" / "checkpoints")
    assert problems == []
    assert path.name == f"step-{state['progress']['step']:09d}.pt"
