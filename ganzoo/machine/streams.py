"""Standard output and standard error that may be full, closed, or a terminal that is gone. Imports no torch.

Training does not depend on anybody reading what it prints: its output is dropped where it cannot be written. Commands
whose output is the result end with an error instead.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import IO


class OutputError(OSError):
    """Required output cannot be written."""


class Stream(io.FileIO):
    """A descriptor to write to. required: whether output that cannot be written is an OutputError; else it is dropped.

    After an OutputError the rest is dropped, as Python would report it once more when it exits.
    """

    def __init__(self, descriptor: int, *, required: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.required = required

    def write(self, data: object) -> int | None:  # type: ignore[override]
        size = memoryview(data).nbytes  # type: ignore[arg-type]
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            if self.required:
                self.required = False
                raise OutputError(error.errno, error.strerror) from error
            return size


def optional(stream: IO[str] | None) -> IO[str]:
    """A stream to the same place as `stream`, whose output is dropped where it cannot be written.

    stream: None if it was closed before this process began. One that is no file, such as a notebook's or that of a
    progress bar, which prints above itself, is returned as it is.
    """
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 (open until the process ends)
    # The stream of a progress bar passes on the buffer of the file behind it.
    buffer = stream.buffer if isinstance(stream, io.TextIOWrapper) else None
    if not isinstance(getattr(buffer, "raw", buffer), io.FileIO):
        return stream
    with contextlib.suppress(OSError, ValueError):
        stream.flush()
    return _text(Stream(stream.fileno(), required=False), stream)


def protect() -> None:
    """Replace this process's standard streams: error output is optional, standard output is required.

    One that is closed leads nowhere from now on, so that no file that is opened later gets its descriptor.
    """
    if sys.stdin is None:
        sys.stdin = open(_reserve(os.O_RDONLY), encoding="utf-8", closefd=False)  # noqa: SIM115
    # Writing to a descriptor that is open for reading fails, as it should on a closed output.
    output = _reserve(os.O_RDONLY) if sys.stdout is None else sys.stdout.fileno()
    errors = _reserve(os.O_WRONLY) if sys.stderr is None else sys.stderr.fileno()
    sys.stdout = _text(Stream(output, required=True), sys.stdout)
    sys.stderr = _text(Stream(errors, required=False), sys.stderr)


def drop_output() -> None:
    """From now on, what cannot be written to standard output is dropped, as far as `protect` has replaced it."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, Stream):
        raw.required = False


def _reserve(flags: int) -> int:
    """The lowest free descriptor, which leads nowhere; a child process gets it too."""
    descriptor = os.open(os.devnull, flags)
    os.set_inheritable(descriptor, True)
    return descriptor


def _text(raw: Stream, like: IO[str] | None) -> io.TextIOWrapper:
    # Every line is written at once: another process may read it, and an error belongs to the line that caused it.
    encoding = getattr(like, "encoding", None) or "utf-8"
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding, errors="backslashreplace", line_buffering=True)
