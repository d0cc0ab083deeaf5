"""Files that a crash or a full disk leaves whole: the old one or the new one, never a part."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

PARTIAL = re.compile(r"\..+\.\d+")
"""The name of a file that is being written: that of the file, after a dot, and the number of the process."""

REASONS = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "it would be larger than this process may write (ulimit -f)",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "there is no permission to write there",
    errno.EPERM: "there is no permission to write there",
    errno.ENOENT: "its folder is no longer there",
    errno.EIO: "the disk failed",
    errno.ESTALE: "the network disk is no longer there",
}


def write_atomically(path: Path, content: bytes, parents: bool = True) -> None:
    """Write a file so that a crash leaves the old one or the new one, never a part.

    parents: make the folder if it is not there. An OSError names `path`.
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
        # Writing, unlike opening, raises errors without a name.
        error.filename, error.filename2 = str(path), None
        raise


def append_line(path: Path, line: str) -> None:
    """Append a line as a whole: when that fails the file is as before, and an OSError names it."""
    before = path.stat().st_size if path.exists() else 0
    try:
        # Without a buffer, which would try again to write when the file is cut back and when it is closed.
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
    """Remove what processes that were killed while writing left in a folder."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if PARTIAL.fullmatch(path.name) and (path.is_file() or path.is_symlink()):
            path.unlink(missing_ok=True)


def reason(error: OSError) -> str:
    """Why something could not be written, as people say it."""
    return REASONS.get(error.errno or 0, error.strerror or str(error))
