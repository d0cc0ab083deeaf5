"""The lock of a run folder: one process trains in it at a time."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ganzoo.errors import GanzooError, TrainingError, printable
from ganzoo.files.atomic import reason

NAME = ".lock"


UNSUPPORTED = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
"""How file systems without locks, such as some network drives, answer."""

_warned: set[Path] = set()

log = logging.getLogger(__name__)


def take(file: Path, timeout: float = -1) -> FileLock | None:
    """Take the operating system's lock on a file, which is created if needed.

    None on a file system without locks, with a warning for each folder: work there goes on without them. timeout: in
    seconds; if negative, there is none. Raises filelock's Timeout, and OSError.
    """
    lock = FileLock(file, fallback_to_soft=False)
    try:
        lock.acquire(timeout=timeout)
    except NotImplementedError:
        pass
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    else:
        return lock
    file.touch()
    if file.parent not in _warned:
        _warned.add(file.parent)
        folder = printable(str(file.parent))
        log.warning("%s: this file system has no locks; let no other process write to that folder meanwhile.", folder)
    return None


def is_held(folder: Path) -> bool:
    """Whether another process, or another run in this one, trains in a folder; also False if that cannot be known."""
    file = folder / NAME
    try:
        import fcntl
    except ImportError:  # Windows
        return _is_locked(file)
    try:
        with file.open("rb") as opened:
            # A shared lock, for which reading suffices; closing the file releases it.
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _is_locked(file: Path) -> bool:
    if not file.is_file():
        return False
    lock = FileLock(file, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except (NotImplementedError, OSError):
        return False
    lock.release()
    return False


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Wait for the lock on a file, and hold it within the block."""
    lock = take(file)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


class Locked(GanzooError):
    """Another process is training in the run folder."""


class Lock:
    """Holds an existing run folder from construction until `release` or the end of the process, however it ends.

    The lock is the operating system's lock on the file `.lock`, not the file itself, which stays; so a crash leaves no
    lock behind. On a file system without locks there is only a warning. Raises Locked if another process, or another
    run in this one, holds it, and GanzooError if the folder is not writable.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder.absolute() / NAME
        try:
            self._lock = take(self.file, timeout=0)
        except Timeout:
            raise Locked(
                f"another process is training in {folder}: wait until it has finished, or train into another folder."
            ) from None
        except OSError as error:
            raise GanzooError(
                f"cannot write to {folder}: {reason(error)}; choose another folder with --out."
            ) from error
        self._identity = self._identify()

    def release(self) -> None:
        """Release the folder."""
        if self._lock is not None:
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
