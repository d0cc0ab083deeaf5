"""Ctrl-C, SIGTERM and SLURM's signals: in a training they finish the step and save, elsewhere they end the command.

Imports no torch.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

# SLURM sends what `sbatch --signal` names before it takes a job's machine away, by habit SIGUSR1 or SIGUSR2.
NAMES = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2")


class Interrupted(BaseException):
    """A signal ended what was under way at once. Not an Exception: nothing that guards against errors may hold it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


class Stopped(Exception):
    """Training was stopped by a signal; the step under way was finished and saved.

    step: how many steps are done. first: whether this is the rank that says so.
    """

    agreed = True
    """All ranks stop after the same step."""

    def __init__(self, number: int, path: Path, step: int = 0, first: bool = True) -> None:
        super().__init__(f"{signal.Signals(number).name}: go on with `ganzoo resume {path}`")
        self.number, self.path, self.step, self.first = number, path, step, first


def interrupt(number: int, frame: FrameType | None) -> None:
    """A signal handler that raises Interrupted."""
    raise Interrupted(number)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let the signals raise Interrupted, so that temporary files are removed and a line can be printed."""
    with handled(interrupt):
        yield


@contextmanager
def stop_on_signals(request: Callable[[int], None]) -> Iterator[None]:
    """Pass the first signal's number to `request`, which asks training to finish its step; a second acts at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        request(number)
        restore()

    with handled(stop) as restore:
        yield


@contextmanager
def handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[Callable[[], None]]:
    """Put a handler in place of the signals' own, and those back at the end or when the yielded function is called.

    A signal that something else was done about keeps that: one ignored by nohup, or handled by the calling program.
    """
    before: dict[int, Callable[[int, FrameType | None], None] | int | None] = {}

    def restore() -> None:
        for number, old in before.items():
            signal.signal(number, old)

    # Handlers belong to the main thread.
    if threading.current_thread() is threading.main_thread():
        for number in [signal.Signals[name] for name in NAMES if name in signal.Signals.__members__]:
            old = signal.getsignal(number)
            if old in (signal.SIG_DFL, signal.default_int_handler, interrupt):
                before[number] = signal.signal(number, handler)
    try:
        yield restore
    finally:
        restore()
