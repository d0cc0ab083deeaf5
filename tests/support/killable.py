"""Training runs in separate processes, one per rank, that can be killed.

They are killed by SIGKILL, which no process can handle. They are forked from a server that has imported torch, or
started like a user's command, by `python -m ganzoo`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol


class Processes(Protocol):
    """The processes of a training run, one per rank."""

    def kill(self, rank: int | None) -> None:
        """Send SIGKILL to one rank, or to all."""

    def ended(self) -> bool: ...

    def wait(self, seconds: float) -> list[int]:
        """Exit codes, -9 for a killed process. Raises TimeoutError if a process does not end."""


class Forked:
    """Processes forked from a server that has imported everything, so that they start quickly."""

    def __init__(self, job: dict[str, Any], ranks: int, log: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["ganzoo.api.train", "sklearn.datasets", "matplotlib.figure"])
        port = free_port()
        self.processes = [
            context.Process(target=train_rank, args=(job, rank, ranks, port, str(log)), daemon=True)
            for rank in range(ranks)
        ]
        for process in self.processes:
            process.start()

    def kill(self, rank: int | None) -> None:
        for process in self.processes if rank is None else [self.processes[rank]]:
            with suppress(ProcessLookupError):
                os.kill(process.pid or 0, signal.SIGKILL)

    def ended(self) -> bool:
        return any(process.exitcode is not None for process in self.processes)

    def wait(self, seconds: float) -> list[int]:
        until = time.monotonic() + seconds
        for process in self.processes:
            process.join(max(0.0, until - time.monotonic()))
        codes = [process.exitcode for process in self.processes]
        if None in codes:
            self.kill(None)
            raise TimeoutError(f"ranks that did not end in {seconds:.0f} s: {codes}")
        return [code for code in codes if code is not None]


class Command:
    """A command in its own process group; it starts the other ranks itself."""

    def __init__(self, job: dict[str, Any], ranks: int, log: Path) -> None:
        with log.open("a") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ganzoo", *job["words"]],
                stdout=file, stderr=file, start_new_session=True, cwd=log.parent,
            )  # fmt: skip
        self.ranks = ranks

    def kill(self, rank: int | None) -> None:
        with suppress(ProcessLookupError, FileNotFoundError):
            if rank is None:
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                os.kill([self.process.pid, *self.children()][rank], signal.SIGKILL)

    def children(self) -> list[int]:
        pid = self.process.pid
        return sorted(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def ended(self) -> bool:
        return self.process.poll() is not None

    def wait(self, seconds: float) -> list[int]:
        try:
            code = self.process.wait(seconds)
            until = time.monotonic() + seconds
            while self.group_lives():
                if time.monotonic() > until:
                    raise TimeoutError(f"a rank did not end in {seconds:.0f} s")
                time.sleep(0.05)
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            self.kill(None)
            raise TimeoutError(str(error)) from error
        return [code]

    def group_lives(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def train_rank(job: dict[str, Any], rank: int, ranks: int, port: int, log: str) -> None:
    """The main function of a forked process: become a group leader, write to the log, train."""
    os.setsid()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    import torch
    from lightning_fabric.utilities.rank_zero import rank_zero_only

    import ganzoo

    if ranks > 1:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_RANK": str(rank), "NODE_RANK": "0"}
        # It is set from the environment on import, which happened in the server.
        rank_zero_only.rank = rank
    torch.set_num_threads(1)
    try:
        run = ganzoo.train(**job["train"]) if "train" in job else ganzoo.resume(**job["resume"])
        if job["scores"] and rank == 0:
            ganzoo.evaluate(run)
    except ganzoo.GanzooError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(2)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
