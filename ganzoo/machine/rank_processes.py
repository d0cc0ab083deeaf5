"""The rank processes that the first rank started: watched while it runs, and ended with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

from ganzoo.machine.streams import optional

GRACE = 10
"""Seconds that another rank has to exit by itself."""


class RankProcesses:
    """The rank processes that this process started. When one of them dies, this process and the others end.

    Fabric would kill this process at once, without an error message, and would not end it at all while it waits for a
    rank that died before all ranks had connected. connected: whether they have.
    """

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self.connected = False
        self._over = threading.Event()

    def watch(self, launcher: Any) -> None:
        """Watch the processes that Fabric's `launcher` is about to start."""
        # A later launch reuses the ranks and starts none.
        if not self.connected:
            threading.Thread(target=self._watch, args=(launcher,), daemon=True, name="ganzoo-rank-processes").start()

    def end(self, agreed: bool) -> None:
        """Wait for all of them to exit, at most GRACE seconds. agreed: whether they exit by themselves."""
        self._over.set()
        for process in self.processes:
            if not agreed:
                # It would wait for this process in the next collective.
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
                # Fabric monitors the processes in its list; an empty list disables that.
                self.processes.append(started.pop())
            if not any(process.poll() for process in self.processes):
                continue
            # On a CPU, a collective with a dead rank fails, and this process then reports which checkpoint is intact.
            if self.connected and self._over.wait(GRACE):
                return
            for process in self.processes:
                process.kill()
            advice = "resume with `ganzoo resume`" if self.connected else "nothing was written yet"
            print(f"error: another rank has ended; {advice}.", file=optional(sys.stderr), flush=True)
            os._exit(1)


RANK_PROCESSES = RankProcesses()
