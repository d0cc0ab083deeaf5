"""Cores, and one training run in a process at a time: torch's random generators are shared by all threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ganzoo.errors import GanzooError

_lock = threading.Lock()
_owner: list[int] = []


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def only_training_run() -> Iterator[None]:
    """Within it this thread trains. Raises GanzooError if another thread of this process does."""
    if not _lock.acquire(blocking=False):
        raise GanzooError(
            "another training run is in progress in this process: threads share random numbers, "
            "so start it in a process of its own."
        )
    _owner.append(threading.get_ident())
    try:
        yield
    finally:
        _owner.clear()
        _lock.release()


def require_no_other_training() -> None:
    """Raise GanzooError if another thread of this process trains: drawing random numbers here would change its run."""
    if any(owner != threading.get_ident() for owner in _owner):
        raise GanzooError(
            "a training run is in progress in another thread of this process: sample when it has ended, "
            "or in another process."
        )
