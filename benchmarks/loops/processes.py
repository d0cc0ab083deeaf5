"""Processes that each run one training loop of one case on request. Does not import torch."""

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
"""Seconds between two turns: the idle threads of a process keep spinning on the cores for a while after its turn."""


class LoopProcess:
    """A process of `worker.py`; `facts` is its first message: batch, images per step, data, memory before the loop."""

    def __init__(
        self,
        case: Case,
        loop: str,
        environment: Mapping[str, str],
        batch: int | None,
        data_root: str | None,
        precision: str = "fp32",
    ) -> None:
        given = {"--batch": batch, "--data-root": data_root, "--precision": precision}
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
        """The next message of the process. Raises CalledProcessError if it has failed."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise subprocess.CalledProcessError(self.process.wait(), self.process.args)
        return json.loads(line)

    def run(self, steps: int) -> float:
        """Run `steps` steps; returns the seconds."""
        time.sleep(REST)
        self.send(f"run {steps}")
        return float(self.receive())

    def peak(self) -> float:
        """Peak memory so far, in MiB."""
        self.send("peak")
        return float(self.receive())

    def end(self) -> None:
        self.process.communicate()
