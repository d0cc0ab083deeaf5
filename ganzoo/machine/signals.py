"""Ctrl-C, SIGTERM, SIGHUP and SLURM's signals: training finishes the step and saves, any other command ends at once.

Imports no torch.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

# SIGHUP: the terminal is closed. Before SLURM ends a job, it sends the signal named by `sbatch --signal`, by
# convention SIGUSR1 or SIGUSR2.
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")


class Interrupted(BaseException):
    """A signal ended the command at once. Not an Exception, so that no error handler swallows it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


class Stopped(KeyboardInterrupt):
    """Training was stopped by a signal; the current step was finished and saved.

    step: number of finished steps. first: whether this rank reports it.
    """

    agreed = True
    """All ranks stop after the same step."""

    def __init__(self, number: int, path: Path, step: int = 0, first: bool = True) -> None:
        super().__init__(f"{signal.Signals(number).name}: resume with `ganzoo resume {path}`")
        self.number, self.path, self.step, self.first = number, path, step, first


def is_interrupt(error: BaseException) -> bool:
    """Whether an exception is the user's wish to stop, and not something that code raises of its own accord."""
    if isinstance(error, (Interrupted, Stopped)):
        return True
    # Where signals raise Interrupted, no signal has raised a KeyboardInterrupt.
    return isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is not interrupt


def interrupt(number: int, frame: FrameType | None) -> None:
    """A signal handler that raises Interrupted."""
    raise Interrupted(number)


@contextmanager
def interruptible() -> Iterator[None]:
    """Make the signals raise Interrupted, so that temporary files are removed and an error is printed."""
    with handled(interrupt):
        yield


@contextmanager
def stop_on_signals(request: Callable[[int], None]) -> Iterator[None]:
    """Pass the first signal's number to `request`, which makes training stop after its step; a second acts at once.

    SIGHUP is never a second one: when a terminal is closed, the system and the shell both send it, and systemd sends it
    after SIGTERM.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        request(number)
        restore()
        if hang_up is not None and signal.getsignal(hang_up) in (signal.SIG_DFL, interrupt):
            signal.signal(hang_up, signal.SIG_IGN)

    hang_up = getattr(signal, "SIGHUP", None)
    with handled(stop) as restore:
        yield


@contextmanager
def handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[Callable[[], None]]:
    """Install a handler, and restore the previous ones at the end or when the yielded function is called.

    Signals that were already ignored (by nohup) or handled (by the calling program) are left alone.
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
