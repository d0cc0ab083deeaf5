"""Writing files atomically: after a crash or on a full disk, the old or the new file is intact."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

PARTIAL = re.compile(r"\..+\.\d+")
"""Names of files that are being written: a dot, the name of the file, and the process ID."""

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
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if parents:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        # Unlike opening, writing raises errors without a file name.
        error.filename, error.filename2 = str(path), None
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
