"""Writing files atomically: after a crash or on a full disk, the old or the new file is intact."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

PARTIAL = re.compile(r"\..+\.\d+")
"""Names of files that are being written: a dot, the name of the file, and the ID of the process (and thread)."""

LONGEST_NAME = 255
"""Bytes in the name of a file, at most, on the usual file systems."""

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
    errno.ENAMETOOLONG: "the name is too long",
    errno.EBADF: "it is closed",
}


def write_atomically(path: Path, content: bytes, parents: bool = True) -> None:
    """Write a file atomically: a crash leaves the old or the new content, never a partial file.

    parents: create the folder if it does not exist. An OSError names `path`.
    """
    with naming(path):
        if parents:
            path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file() and not path.is_dir():
            # A rename would put a file in the place of /dev/null, for everybody.
            raise OSError(errno.EEXIST, "it is a pipe, a socket or a device")
        with _partial(path, content) as partial:
            partial.replace(path)


def write_new(path: Path, content: bytes, parents: bool = True) -> None:
    """`write_atomically` for a file that must not exist: of several processes that write it, one succeeds.

    Raises FileExistsError, and OSError, with `path`.
    """
    write_all_new({path: content}, parents)


def write_all_new(files: Mapping[Path, bytes], parents: bool = True) -> None:
    """`write_new` for files that belong together: all of them are written, or none.

    Raises FileExistsError, and OSError, with the path that it is about.
    """
    with ExitStack() as stack:
        partials = {}
        for path, content in files.items():
            with naming(path):
                if parents:
                    path.parent.mkdir(parents=True, exist_ok=True)
                partials[path] = stack.enter_context(_partial(path, content))
        written: list[Path] = []
        try:
            for path, partial in partials.items():
                with naming(path):
                    _take_name(partial, path)
                written.append(path)
        except BaseException:
            for path in written:
                path.unlink(missing_ok=True)
            raise


def _take_name(partial: Path, path: Path) -> None:
    """Give a complete file the name `path`, which must not exist."""
    try:
        # Unlike a rename, a link never takes the place of a file.
        os.link(partial, path)
        return
    except FileExistsError:
        raise
    except OSError:
        # A file system without links, such as FAT: an empty file takes the name, and the complete one its place.
        path.touch(exist_ok=False)
    try:
        partial.replace(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def new_folder(path: Path, exists: bool | None = None) -> Iterator[Path]:
    """A folder to write into, which becomes `path` when the block is over; if the block fails, nothing is left.

    `path` may be an empty folder, in which nothing else writes meanwhile. exists: whether it is one; a caller that has
    asked before must pass the answer, as another process may have made the folder since. Raises FileExistsError if
    another process has taken the name, and OSError.
    """
    # An existing folder may be a mount, or in a folder that is not writable, so that no other can take its place.
    inside = path.is_dir() if exists is None else exists
    partial = _hidden(path / path.name if inside else path)
    missing = [folder for folder in path.parents if not folder.exists()]
    moved: list[Path] = []
    try:
        partial.mkdir(parents=True)
        yield partial
        if inside:
            for entry in sorted(partial.iterdir()):
                moved.append(entry.rename(path / entry.name))
            partial.rmdir()
        else:
            _rename_folder(partial, path)
    except BaseException:
        for entry in (*moved, partial):
            _remove(entry)
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def _rename_folder(folder: Path, path: Path) -> None:
    try:
        folder.rename(path)
    except OSError as error:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        raise


def _remove(path: Path) -> None:
    """Remove a file or folder as far as possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


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
    partial = _hidden(path)
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def _hidden(path: Path) -> Path:
    """The name beside `path` under which its content is written: one that matches PARTIAL, and is not too long."""
    # Threads of one process can write the same file.
    main = threading.current_thread() is threading.main_thread()
    owner = f"{os.getpid()}" if main else f"{os.getpid()}.{threading.get_native_id()}"
    kept = os.fsencode(path.name)[: LONGEST_NAME - len(owner) - 2]
    return path.with_name(f".{os.fsdecode(kept)}.{owner}")


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
