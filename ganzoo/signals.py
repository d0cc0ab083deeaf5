"""Ctrl-C and SIGTERM: finish the step, save, and say so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ganzoo.trainer import Trainer


class Stopped(Exception):
    """Training was stopped by a signal; the step under way was finished and saved."""

    def __init__(self, number: int, path: Path) -> None:
        super().__init__(f"{signal.Signals(number).name}: go on with `ganzoo resume {path}`")
        self.number, self.path = number, path


@contextmanager
def stop_on_signals(trainer: Trainer, path: Path) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM finish the step and save; then raise Stopped. A second signal acts at once.

    path: the run folder.
    """
    # Handlers belong to the main thread; several ranks would stop at different steps, so there a signal acts as ever.
    if threading.current_thread() is not threading.main_thread() or trainer.fabric.world_size > 1:
        yield
        return
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(number: int, frame: Any) -> None:
        received.append(number)
        trainer.stop_requested = True
        restore()

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        restore()
    if received and trainer.progress.step < trainer.progress.steps:
        raise Stopped(received[0], path)
