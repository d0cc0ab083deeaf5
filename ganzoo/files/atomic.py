"""Writing files atomically: after a crash or on a full disk, the old or the new file is intact."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = re.compile(r"\..+\.\d+")
"""Names of files that are being written: a dot, the name of the file, and the ID of the process (and thread)."""

REASONS = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would exceed this process's size limit (ulimit -f)",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "no permission to write there",
    errno.EPERM: "no permission to write there",
    errno.ENOENT: "its folder no longer exists",
    errno.EIO: "the disk reported an I/O error",
    errno.ESTALE: "the network drive is no longer available",
}


def write_atomically(path: Path, content: bytes, parents: bool = True) -> None:
    """Write a file atomically: a crash leaves the old or the new content, never a partial file.

    parents: create the folder if it does not exist. An OSError names `path`.
    """
    with naming(path):
        if parents:
            path.parent.mkdir(parents=True, exist_ok=True)
        with _partial(path, content) as partial:
            partial.replace(path)


def write_new(path: Path, content: bytes, parents: bool = True) -> None:
    """`write_atomically` for a file that must not exist: of several processes that write it, one succeeds.

    Raises FileExistsError, and OSError, with `path`.
    """
    with naming(path):
        if parents:
            path.parent.mkdir(parents=True, exist_ok=True)
        with _partial(path, content) as partial:
            try:
                # Unlike a rename, a link never takes the place of a file.
                os.link(partial, path)
                return
            except FileExistsError:
                raise
            except OSError:
                # A file system without links, such as FAT.
                if os.path.lexists(path):
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        _write_exclusively(path, content)


def write_first_free(paths: Iterable[Path], content: bytes) -> Path:
    """`write_new` for the first of `paths` that does not exist; returns it."""
    for path in paths:
        if not os.path.lexists(path):
            with contextlib.suppress(FileExistsError):
                write_new(path, content)
                return path
    raise FileExistsError("no name is free")


def move_aside(path: Path, stem: str) -> Path:
    """Rename a file or folder to `stem`, `stem-2`, ... with its ending, the first that does not exist; returns it."""
    with naming(path):
        for number in itertools.count(1):
            target = path.with_name(f"{stem}{f'-{number}' if number > 1 else ''}{path.suffix}")
            if not os.path.lexists(target):
                path.rename(target)
                return target
    raise AssertionError


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Within this block, an OSError names `path`: unlike opening, writing raises errors without a file name."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


@contextmanager
def _partial(path: Path, content: bytes) -> Iterator[Path]:
    """A file beside `path` with this content, on the disk; what is left of it at the end of the block is removed."""
    # Threads of one process can write the same file.
    main = threading.current_thread() is threading.main_thread()
    owner = f"{os.getpid()}" if main else f"{os.getpid()}.{threading.get_native_id()}"
    partial = path.with_name(f".{path.name}.{owner}")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def _write_exclusively(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise


def append_line(path: Path, line: str) -> None:
    """Append a complete line. If that fails, the file is unchanged, and the OSError names it."""
    before = path.stat().st_size if path.exists() else 0
    try:
        # Unbuffered: a buffer would be written again when the file is truncated and when it is closed.
        with path.open("r+b" if before else "wb", buffering=0) as file:
            file.seek(before)
            rest = memoryview(line.encode() + b"\n")
            try:
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError:
                file.truncate(before)
                raise
    except OSError as error:
        error.filename = str(path)
        raise


def remove_partial(folder: Path) -> None:
    """Remove the partial files of processes that were killed while writing into a folder."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if PARTIAL.fullmatch(path.name) and (path.is_file() or path.is_symlink()):
            path.unlink(missing_ok=True)


def reason(error: OSError) -> str:
    """Why something could not be written, in plain words."""
    return REASONS.get(error.errno or 0, error.strerror or str(error))
