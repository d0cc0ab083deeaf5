"""Seconds of wall-clock and CPU time, without those of other work in between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Runs from the start, but not while paused.

    seconds: wall-clock time. cpu_seconds: CPU time of the process, over all threads.
    """

    def __init__(self) -> None:
        self._start, self._cpu_start = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start

    @property
    def cpu_seconds(self) -> float:
        return time.process_time() - self._cpu_start

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is done inside does not count."""
        seconds, cpu_seconds = self.seconds, self.cpu_seconds
        try:
            yield
        finally:
            self._start, self._cpu_start = time.perf_counter() - seconds, time.process_time() - cpu_seconds
