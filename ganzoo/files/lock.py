"""The lock of a run folder: one process trains in it at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ganzoo.errors import GanzooError, TrainingError

NAME = ".lock"


class Locked(GanzooError):
    """Another process is training in the run folder."""


class Lock:
    """Holds an existing run folder from construction until `release` or the end of the process, however it ends.

    The lock is the operating system's lock on the file `.lock`, not the file itself, which stays; so a crash leaves no
    lock behind. Raises Locked if another process, or another run in this one, holds it, and GanzooError if the folder
    is not writable.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder.absolute() / NAME
        self._lock = FileLock(self.file)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise Locked(
                f"another process is training in {folder}: wait until it has finished, or train into another folder."
            ) from None
        except OSError as error:
            raise GanzooError(
                f"cannot write to {folder}: {error.strerror}; choose another folder with --out."
            ) from error
        self._identity = self._identify()

    def release(self) -> None:
        """Release the folder."""
        self._lock.release()

    def check(self) -> None:
        """Raise TrainingError if the folder has been removed or replaced since, so that the lock no longer holds it."""
        if self._identify() != self._identity:
            raise TrainingError(f"{self.folder} was removed or replaced during training: nothing more was written.")

    def _identify(self) -> tuple[int, int] | None:
        try:
            status = self.file.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino


@contextmanager
def held(folder: Path, wanted: bool = True) -> Iterator[Lock | None]:
    """Hold a folder's lock within a block, or None if it is not `wanted` (on all ranks but the first)."""
    lock = Lock(folder) if wanted else None
    try:
        yield lock
    finally:
        if lock:
            lock.release()
