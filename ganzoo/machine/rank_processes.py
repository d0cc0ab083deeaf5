"""The ranks' processes that the first one has started: watched while it lives, and ended with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

GRACE = 10
"""Seconds that another rank has to end by itself."""


class Children:
    """The ranks' processes that this one has started, and what is done when one of them dies.

    Fabric would kill this process at once, which then could not say why; nor would it end while it waits for a rank
    that has died before all have met. met: whether they have.
    """

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self.met = False
        self._over = threading.Event()

    def watch(self, launcher: Any) -> None:
        """Look after the processes that a launcher of Fabric's is going to start."""
        # A later launch finds the ranks where they are, and starts none.
        if not self.met:
            threading.Thread(target=self._watch, args=(launcher,), daemon=True, name="ganzoo-children").start()

    def end(self, agreed: bool) -> None:
        """Wait for all of them to end, at most GRACE seconds. agreed: whether they do so by themselves."""
        self._over.set()
        for process in self.processes:
            if not agreed:
                # It would wait for this one in their next exchange.
                process.terminate()
        for process in self.processes:
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _watch(self, launcher: Any) -> None:
        while not self._over.wait(0.2):
            started = getattr(launcher, "procs", [])
            while started:
                # Of an empty list Fabric takes no notice.
                self.processes.append(started.pop())
            if not any(process.poll() for process in self.processes):
                continue
            # An exchange with a rank that is no more fails on a CPU, and this process ends with what is kept.
            if self.met and self._over.wait(GRACE):
                return
            for process in self.processes:
                process.kill()
            onward = "go on with `ganzoo resume`" if self.met else "nothing was written yet"
            print(f"error: another rank has ended; {onward}.", file=sys.stderr, flush=True)
            os._exit(1)


CHILDREN = Children()
