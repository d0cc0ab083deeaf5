"""Names the plugin that stops a command by never returning, or by ending the process, when it is loaded.

A thread names one that takes longer than PATIENCE. A file in the cache, the mark, names one that ends the process: it
survives the process, and the next command reports it. Only third-party plugins are watched.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from ganzoo.data.paths import cache_dir
from ganzoo.errors import printable
from ganzoo.machine.signals import Interrupted

PATIENCE = 10.0
"""Seconds after which a plugin that is still being loaded is named."""

STALE = 24 * 3600
"""Seconds after which the mark of a process that left no reason is removed."""

SEPARATOR = "\n--\n"
"""In a mark, what is between the plugin and the reason why the process ended."""


class Exited(BaseException):
    """A plugin called os._exit while it was loaded."""


class Watch:
    """Watches the plugins that are loaded within `with Watch() as watch:`, each within `with watch.on(...)`.

    advice: how to leave out a plugin of that name and package.
    """

    def __init__(self, advice: Callable[[str, str], str] = lambda name, package: "") -> None:
        self.advice = advice
        self._current: tuple[str, str, float] | None = None
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._mark: Mark | None = None

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *stop: object) -> None:
        self._done.set()
        if self._thread:
            # It may wait for a terminal that takes no more text.
            self._thread.join(timeout=1)
        if self._mark:
            self._mark.remove()

    @contextmanager
    def on(self, doing: str, source: str, name: str, package: str) -> Iterator[None]:
        """Within this block, the code of a plugin runs. doing: such as "importing"."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._report, daemon=True)
            self._thread.start()
            self._mark = Mark()
        advice = self.advice(name, package)
        self._current = f"{doing} {source}", advice, time.monotonic()
        assert self._mark is not None
        self._mark.write(f"{doing} {source}\n{advice}")
        try:
            with self._mark.catching_exit():
                yield
        except Interrupted as stop:
            stop.args = (f"{stop} while {doing} {source}",)
            raise
        finally:
            self._current = None
            self._mark.write("")

    def _report(self) -> None:
        reported = None
        while not self._done.wait(PATIENCE / 10):
            current = self._current
            if current and current is not reported and time.monotonic() - current[2] >= PATIENCE:
                reported = current
                warn(f"still {current[0]} after {PATIENCE:g} s: {current[1]}.")


class Mark:
    """The file of this process that says what it is doing, and, once that has ended the process, how.

    Only a crash or a call of os._exit leaves a reason, so nothing is reported of a process that was stopped.
    """

    def __init__(self) -> None:
        self.path = Path()
        self._file: int | None = None
        self._identity: tuple[int, int] | None = None
        self._enabled = False
        # Without a home folder, or where nothing can be written, there are no marks.
        with contextlib.suppress(OSError, RuntimeError):
            self.path = folder() / f"{os.getpid()}-{time.time_ns()}.txt"
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND, 0o600)
            self._identity = _identity(self._file)
        # Someone else's handler prints where the process crashed, plugin included.
        if self._file is not None and not faulthandler.is_enabled():
            faulthandler.enable(self._file)
            self._enabled = True

    def write(self, text: str) -> None:
        """Replace the content."""
        if self._is_open():
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, 0)  # type: ignore[arg-type]
                os.write(self._file, (text + SEPARATOR).encode() if text else b"")  # type: ignore[arg-type]

    def add_reason(self, reason: str) -> None:
        """Add why the process ends."""
        if self._is_open():
            with contextlib.suppress(OSError):
                os.write(self._file, reason.encode())  # type: ignore[arg-type]

    def remove(self) -> None:
        """Close and remove the file."""
        if self._enabled:
            faulthandler.disable()
        if self._is_open():
            with contextlib.suppress(OSError):
                os.close(self._file)  # type: ignore[arg-type]
        if self._file is not None:
            with contextlib.suppress(OSError):
                self.path.unlink()
        self._file = None

    @contextmanager
    def catching_exit(self) -> Iterator[None]:
        """Within this block, os._exit in this thread raises Exited; in another it ends the process with a reason."""
        real, thread, process = os._exit, threading.get_ident(), os.getpid()
        inside = True

        def leave(status: Any) -> NoReturn:
            if inside and os.getpid() == process:
                if threading.get_ident() == thread:
                    raise Exited(f"os._exit({status}) was called")
                self.add_reason(f"os._exit({status}) was called")
            real(status)

        os._exit = leave
        try:
            yield
        finally:
            inside = False
            if os._exit is leave:
                os._exit = real

    def _is_open(self) -> bool:
        # A plugin may close files that are not its own, and the number of this one may be that of another file now.
        try:
            return self._file is not None and _identity(self._file) == self._identity
        except OSError:
            return False


def report_crashes() -> None:
    """Warn about each plugin that has ended the process that loaded it, once."""
    try:
        marks = sorted(path for path in folder().iterdir() if path.suffix == ".txt")
    except (OSError, RuntimeError):
        return
    for path in marks:
        with contextlib.suppress(OSError):
            text, _, reason = path.read_bytes()[:8192].decode("utf-8", "replace").partition(SEPARATOR)
            if reason or time.time() - path.stat().st_mtime > STALE:
                # Of several processes that see it, the one that removes it reports it.
                path.unlink()
            if reason:
                why = reason.strip().splitlines()[0].removeprefix("Fatal Python error: ")
                what, _, advice = text.partition("\n")
                warn(f"an earlier command ended while {what} ({why}): {advice}.")


def folder() -> Path:
    """Where the marks are."""
    return cache_dir() / "importing"


def warn(line: str) -> None:
    """Print a warning immediately: plugins' output is captured, and what follows may never end."""
    stream = sys.__stderr__
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):
            print(f"warning: {printable(line)}", file=stream, flush=True)


def _identity(file: int) -> tuple[int, int]:
    status = os.fstat(file)
    return status.st_dev, status.st_ino
