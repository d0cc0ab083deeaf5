"""Names of run folders, and claiming one for a new run."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganzoo.errors import GanzooError
from ganzoo.files import lock
from ganzoo.files.atomic import PARTIAL, new_folder, reason
from ganzoo.files.lock import Lock, Locked
from ganzoo.files.typed import typed_path


def claim(out: str | None, name: str) -> Lock:
    """Create the folder of a new run, `out` or the first free one of the name, and hold its lock."""
    while True:
        path = next_free(name) if out is None else typed_path(out)
        try:
            path.mkdir(parents=True, exist_ok=out is not None)
        except FileExistsError:
            # Another process took the name in between, or it is a file, which the next line reports.
            require_new(path)
            continue
        except OSError as error:
            raise GanzooError(f"cannot create {path}: {reason(error)}; choose another folder with --out.") from error
        lock = Lock(path)
        try:
            require_new(path)
        except GanzooError:
            lock.release()
            if out is not None:
                raise
            continue
        return lock


@contextmanager
def claimed(path: Path) -> Iterator[Path]:
    """`new_folder` for a new or empty folder, in which no other process that claims it writes. Raises GanzooError."""
    if not path.is_dir():
        with new_folder(path, exists=False) as partial:
            yield partial
        return
    # Before a lock is left in a folder that is not to be written into.
    require_new(path)
    try:
        claim = Lock(path)
    except Locked as error:
        raise GanzooError(f"another process is writing to {path}: choose another folder.") from error
    try:
        require_new(path)
        try:
            with new_folder(path, exists=True) as partial:
                yield partial
        finally:
            # Only a training run leaves its lock's file.
            claim.file.unlink(missing_ok=True)
    finally:
        claim.release()


def require_new(path: Path, option: str = "--out") -> None:
    """Raise GanzooError if something is at `path` that new files would overwrite. option: the one that named it."""
    if path.is_dir() and any(file.name != lock.NAME and not PARTIAL.fullmatch(file.name) for file in path.iterdir()):
        resume = f", or `ganzoo resume {path}`" if option == "--out" else ""
        raise GanzooError(f"{path} is not empty: choose another folder with {option}{resume}.")
    if path.exists() and not path.is_dir():
        raise GanzooError(f"{path} is a file: choose a folder with {option}.")


def next_free(name: str, root: Path = Path("runs")) -> Path:
    """The first of runs/NAME-1, runs/NAME-2, ... that does not exist."""
    number = 1
    while (root / f"{name}-{number}").exists():
        number += 1
    return root / f"{name}-{number}"


def numbered(root: Path, name: str) -> list[Path]:
    """The folders NAME-1, NAME-2, ... that `next_free` gave out, in the order of their numbers."""
    found = {}
    for path in root.glob(f"{glob.escape(name)}-*"):
        number = path.name.removeprefix(f"{name}-")
        if number.isascii() and number.isdigit():
            found[path] = int(number)
    return sorted(found, key=lambda path: found[path])
