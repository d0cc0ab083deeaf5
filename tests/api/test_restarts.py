"""Trainings that torchrun, SLURM or a user's own hands start on two ranks, and that are started again."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from killable import free_port
from kills import finish, logged_step, variant_case
from processes import ENVIRONMENT, gloo_or_skip
from same_runs import compare

pytestmark = pytest.mark.slow

CASE = variant_case("vanilla", ranks=2, command=True, steps=60)
LIMIT = 120.0


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same training, started by ganzoo itself and never stopped."""
    gloo_or_skip()
    path = tmp_path_factory.mktemp("unbroken") / "run"
    finish(CASE, path)
    return path


def words(out: str | None = "run") -> list[str]:
    """The command line of the training, without what says on how many ranks."""
    keys = [word for key, value in CASE.keys.items() for word in ("--set", f"{key}={value}")]
    named = [] if out is None else ["--out", out]
    return ["-m", "ganzoo", "train", CASE.recipe, "--steps=60", "--no-scores", "--device=cpu", *named, *keys]


class Started:
    """A process that was started, with what it prints."""

    def __init__(self, arguments: Sequence[str], folder: Path, **variables: str) -> None:
        self.log = folder / f"{time.monotonic_ns()}.log"
        with self.log.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                stdout=file, stderr=file, cwd=folder, env=ENVIRONMENT | variables, start_new_session=True,
            )  # fmt: skip

    def children(self) -> list[int]:
        pid = self.process.pid
        return sorted(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> tuple[int, str]:
        """Exit code and output."""
        try:
            code = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self.process.wait()
        return code, self.log.read_text("utf-8")


def wait_for_step(run: Path, step: int, *processes: Started) -> None:
    """Until the log of a run reaches a step."""
    until = time.monotonic() + LIMIT
    while logged_step(run) < step:
        assert time.monotonic() < until, [process.log.read_text() for process in processes]
        assert all(process.process.poll() is None for process in processes), [p.log.read_text() for p in processes]
        time.sleep(0.002)


def is_second_rank(pid: int) -> bool:
    """Whether a child is the rank, and no program that was asked for the machine's name."""
    with suppress(OSError):
        return b"LOCAL_RANK=1" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return False


def torchrun(*options: str) -> list[str]:
    return ["-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}", *options]


def test_torchrun_starts_a_worker_that_was_killed_again_and_the_run_ends_as_an_unbroken_one(
    unbroken: Path, tmp_path: Path
) -> None:
    started = Started([*torchrun("--max-restarts=3"), *words()], tmp_path)
    wait_for_step(tmp_path / "run", 20, started)
    os.kill(started.children()[-1], signal.SIGKILL)
    code, message = started.end()
    assert code == 0, message
    assert re.search(r"^run: step (\d+) to 60$", message, re.MULTILINE), message
    assert message.count("trained 60 steps") == 1
    assert not compare(unbroken, tmp_path / "run").differences


def test_torchrun_goes_on_with_a_run_and_refuses_devices_that_it_has_not_started(
    unbroken: Path, tmp_path: Path
) -> None:
    code, message = Started([*torchrun(), "-m", "ganzoo", "train", "vanilla", "--devices=3"], tmp_path).end()
    assert code != 0
    assert "error: --devices 3: torchrun has started ranks for 2 devices on 1 machines; leave out --devices" in message
    shutil.copytree(unbroken, tmp_path / "run")
    code, message = Started([*torchrun(), "-m", "ganzoo", "resume", "run", "--steps=62"], tmp_path).end()
    assert code == 0, message
    assert (tmp_path / "run" / "checkpoints" / "step-000000062.json").exists()


SLURM = {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "1", "SLURM_NODEID": "0"}
SLURM |= {"SLURM_JOB_ID": "4711", "SLURM_STEP_ID": "0", "SLURM_JOB_NAME": "train", "SLURM_NODELIST": "127.0.0.1"}


def srun(folder: Path, **variables: str) -> list[Started]:
    """What srun does for two tasks on one machine. The run folder is not named."""
    port = {"MASTER_PORT": str(free_port()), "MASTER_ADDR": "127.0.0.1"}
    tasks = [{"SLURM_PROCID": str(task), "SLURM_LOCALID": str(task)} for task in (0, 1)]
    return [Started(words(None), folder, **SLURM, **port, **task, **variables) for task in tasks]


def test_slurm_starts_the_ranks_and_after_a_requeue_they_go_on_with_the_run(unbroken: Path, tmp_path: Path) -> None:
    tasks = srun(tmp_path)
    run = tmp_path / "runs" / "vanilla-digits-1"
    wait_for_step(run, 20, *tasks)
    for task in tasks:
        task.kill()
        task.end()
    ends = [task.end() for task in srun(tmp_path, SLURM_RESTART_COUNT="1")]
    assert [code for code, _ in ends] == [0, 0], ends
    assert "runs/vanilla-digits-1: step " in ends[0][1]
    assert ends[1][1] == "", "one rank speaks for all"
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["vanilla-digits-1"]
    assert not compare(unbroken, run).differences


def test_two_machines_are_started_by_hand_and_train_what_two_devices_do(unbroken: Path, tmp_path: Path) -> None:
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    machines = [
        Started([*words(), "--nodes=2", "--devices=1"], tmp_path, NODE_RANK=str(rank), **meeting) for rank in (0, 1)
    ]
    ends = [machine.end() for machine in machines]
    assert [code for code, _ in ends] == [0, 0], ends
    assert not compare(unbroken, tmp_path / "run").differences


def test_a_rank_that_dies_before_all_have_met_is_said_and_not_waited_for(tmp_path: Path) -> None:
    gloo_or_skip()
    started = Started([*words(), "--devices=2"], tmp_path)
    until = time.monotonic() + LIMIT
    while not (ranks := [pid for pid in started.children() if is_second_rank(pid)]) and time.monotonic() < until:
        time.sleep(0.001)
    os.kill(ranks[0], signal.SIGKILL)
    begin = time.monotonic()
    code, message = started.end()
    assert code == 1, message
    assert message.splitlines()[-1] == "error: another rank has ended; nothing was written yet."
    assert time.monotonic() - begin < 30
    assert not (tmp_path / "run").exists()


LATE = """
import sys, time
from datetime import timedelta
from ganzoo.machine import launch
from ganzoo.machine.ranks import maximum
from ganzoo.recipes import RunOptions

launch.RENDEZVOUS_TIMEOUT = timedelta(seconds=15)
fabric = launch.launch(RunOptions(device="cpu", devices=2))
if fabric.is_global_zero:
    time.sleep(18)
print(maximum(fabric, [1.0 + fabric.global_rank]))
"""


def test_once_they_have_met_a_rank_may_work_alone_for_longer(tmp_path: Path) -> None:
    gloo_or_skip()
    (tmp_path / "late.py").write_text(LATE)
    code, message = Started(["late.py"], tmp_path).end()
    assert code == 0, message
    # The ranks print at the same time, and gloo's threads may have a word at their end.
    assert message.count("[2.0]") == 2, message


def test_ranks_that_do_not_come_are_waited_for_a_while_only(tmp_path: Path) -> None:
    gloo_or_skip()
    script = "import sys, datetime; from ganzoo.machine import launch; "
    script += "launch.RENDEZVOUS_TIMEOUT = datetime.timedelta(seconds=4); "
    script += "from ganzoo.cli import main; sys.argv = ['ganzoo', *sys.argv[1:]]; main()"
    ports = {"0": str(free_port()), "1": str(free_port())}
    alone = {
        rank: Started(
            ["-c", script, *words(rank)[2:], "--nodes=2", "--devices=1"],
            tmp_path, NODE_RANK=rank, MASTER_ADDR="127.0.0.1", MASTER_PORT=port,
        )
        for rank, port in ports.items()
    }  # fmt: skip
    for rank, port in ports.items():
        code, message = alone[rank].end()
        assert code == 1, message
        assert f"error: not all ranks connected at 127.0.0.1:{port} within " in message
        assert "Traceback" not in message
