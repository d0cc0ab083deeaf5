"""Output that nobody reads: training goes on without it, and commands whose output is the result say so."""

from __future__ import annotations

import contextlib
import errno
import os
import pty
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import ENVIRONMENT
from small import SET, SMALL

import ganzoo
from ganzoo.files import checkpoint

GANZOO = [sys.executable, "-m", "ganzoo"]
TRAIN = [*GANZOO, "train", "vanilla", "--dataset", "digits", *SET, "--no-scores", "--device", "cpu", "--out", "r"]

full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of bash, in which G is ganzoo, and T a training; its exit code is that of the first command."""
    commands = f'G() {{ {shlex.join(GANZOO)} "$@"; }}; T() {{ {shlex.join(TRAIN)} "$@"; }}'
    return subprocess.run(
        ["bash", "-c", f"{commands}; {line}; exit ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, cwd=folder, env=ENVIRONMENT, timeout=300, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "streams",
    [
        "| head -1",
        "2>&1 | head -1",
        ">&- 2>&- <&-",
        pytest.param(">/dev/full", marks=full),
        pytest.param(">/dev/full 2>/dev/full", marks=full),
    ],
)
def test_a_training_ends_as_it_would_have(streams: str, tmp_path: Path) -> None:
    done = shell(f"T --steps 12 {streams}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "error" not in done.stderr
    assert checkpoint.newest(tmp_path / "r" / "checkpoints")[0].name == "step-000000012.pt"
    assert (tmp_path / "r" / "samples.png").is_file()


@pytest.mark.parametrize("command", ["list --json", "show dcgan", "cache", "train --help"])
@full
def test_a_result_that_cannot_be_printed_is_one_line_and_code_1(command: str, tmp_path: Path) -> None:
    done = shell(f"G {command} >/dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        "error: cannot write to standard output: no space left on the disk.\n",
    )


def test_a_closed_output_is_said(tmp_path: Path) -> None:
    done = shell("G list >&-", tmp_path)
    assert (done.returncode, done.stderr) == (1, "error: cannot write to standard output: it is closed.\n")


@pytest.mark.parametrize("command", ["list", "show dcgan", "plugins"])
def test_a_reader_that_ends_ends_a_result_quietly(command: str, tmp_path: Path) -> None:
    done = shell(f"G {command} | true", tmp_path)
    assert done.returncode in (0, 1)
    assert done.stderr == ""


@pytest.mark.parametrize("streams", ["2>&-", pytest.param("2>/dev/full", marks=full)])
def test_errors_that_cannot_be_printed_change_no_result(streams: str, digits_run: Path, tmp_path: Path) -> None:
    shutil.copytree(digits_run, tmp_path / "run")
    assert "dcgan" in shell(f"G list {streams}", tmp_path).stdout
    assert shell(f"G nosuch {streams}", tmp_path).returncode == 2
    assert shell(f"G sample run --grid a.png {streams}", tmp_path).returncode == 0
    assert (tmp_path / "a.png").is_file()


@full
def test_scores_that_cannot_be_printed_are_kept(digits_run: Path, tmp_path: Path) -> None:
    shutil.copytree(digits_run, tmp_path / "run")
    done = shell("G eval run -n 60 --metrics is --json >/dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: cannot write to standard output: no space left on the disk."
    assert (tmp_path / "run" / "scores.json").is_file()


@pytest.mark.parametrize("ignored", [False, True], ids=["a terminal that is closed", "with nohup"])
def test_a_training_whose_terminal_is_closed(ignored: bool, tmp_path: Path) -> None:
    """It saves and stops; started by nohup it goes on, and what it prints is lost."""
    steps = 1500 if ignored else 1_000_000
    child, terminal = pty.fork()
    if child == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
        os.chdir(tmp_path)
        os.execve(sys.executable, [*TRAIN, "--steps", str(steps)], ENVIRONMENT)
    try:
        log, end = tmp_path / "r" / "metrics.jsonl", time.monotonic() + 120
        while not (log.exists() and log.stat().st_size) and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                os.read(terminal, 10_000)
        os.close(terminal)
        _, status = os.waitpid(child, 0)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    assert os.waitstatus_to_exitcode(status) == (0 if ignored else 128 + signal.SIGHUP)
    path, state, problems = checkpoint.newest(tmp_path / "r" / "checkpoints")
    assert problems == []
    assert 0 < state["progress"]["step"] <= steps
    assert (state["progress"]["step"] == steps) == ignored
    assert path.name == f"step-{state['progress']['step']:09d}.pt"


@full
def test_the_bar_of_a_training_in_python_is_no_reason_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = open("/dev/full", "w", encoding="utf-8")  # noqa: PTH123, SIM115
    monkeypatch.setattr(sys, "stderr", stream)
    run = ganzoo.train("vanilla", dataset="digits", steps=12, set=SMALL, out=tmp_path / "r", device="cpu")
    monkeypatch.undo()
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        stream.write("x" * 100_000)
    # Closing flushes once more, which fails on a full device.
    with contextlib.suppress(OSError):
        stream.close()
    assert run.metrics()[-1]["step"] == 12
