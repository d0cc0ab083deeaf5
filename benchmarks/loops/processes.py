"""Processes that each run one loop of one case when they are told to. Imports no torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.loops.cases import Case

REST = 0.1
"""Seconds between two turns: for a while after its own, a process's idle threads still spin on the cores."""


class LoopProcess:
    """A process of `worker.py`; `facts` are what it says when it is ready: batch, images per step, data."""

    def __init__(
        self, case: Case, loop: str, environment: Mapping[str, str], batch: int | None, data_root: str | None
    ) -> None:
        given = {"--batch": batch, "--data-root": data_root}
        options = [text for name, value in given.items() if value is not None for text in (name, str(value))]
        command = [sys.executable, "-m", "benchmarks.loops.worker", case.name, loop, *options]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
        self.process = subprocess.Popen(
            command, env=clean | dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.facts: dict[str, Any] = self.receive()

    def send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def receive(self) -> Any:
        """What it says next; CalledProcessError if it has failed."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise subprocess.CalledProcessError(self.process.wait(), self.process.args)
        return json.loads(line)

    def run(self, steps: int) -> float:
        """Seconds of so many steps."""
        time.sleep(REST)
        self.send(f"run {steps}")
        return float(self.receive())

    def peak(self) -> float:
        """MiB at its peak so far."""
        self.send("peak")
        return float(self.receive())

    def end(self) -> None:
        self.process.communicate()
