"""Decoding many image files in parallel: few of them in threads, many in worker processes.

`python -m ganzoo.data.images.workers FOLDER SIZE CHANNELS LEVELS NEAREST` is a worker, told in JSON how to decode. It
reads one line per chunk, a JSON list of file names, and replies with a line of JSON, the fields of `Chunk` except the
pixels, followed by the pixels.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

from ganzoo.data.images.decode import read_square, why_unreadable
from ganzoo.data.levels import Levels
from ganzoo.data.resize import height_width
from ganzoo.machine.threads import cores
from ganzoo.recipes import Size

PROCESS_THRESHOLD = 2_000
"""Number of files from which starting processes pays off: a third of the time is Python's, which holds the GIL."""

CHUNK_FILES, CHUNK_BYTES = 16, 1 << 20
"""Maximum number of files that a worker gets at a time, and maximum number of bytes of pixels that it returns."""

MAX_WORKERS = 16

CRASHED = "crashed the decoder"
"""Why a file was skipped on which a worker ended."""


@dataclass(frozen=True)
class Chunk:
    """The result of decoding some files.

    files: number of files; pixels: those of the readable files, uint8 `[C, H, W]` each, concatenated. skipped: names of
    the unreadable files, with as many reasons; again: those of them that may be readable another time (see
    `_may_be_temporary`). coloured: whether any pixel is not grey.
    """

    files: int
    pixels: bytes
    skipped: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    coloured: bool = False

    @property
    def retry(self) -> bool:
        """Whether any failure may be temporary."""
        return bool(self.again)


class WorkerDied(Exception):
    """A worker process has ended."""


def decode_all(
    base: Path,
    names: Iterable[str],
    count: int,
    size: Size,
    channels: int,
    levels: Levels | None = None,
    nearest: bool = False,
) -> Generator[Chunk]:
    """The `count` files `names` of folder `base` as `read_square` reads them: in order, decoded a few chunks ahead."""
    number = min(MAX_WORKERS, cores())
    waiting: deque[Future[Chunk]] = deque()
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(number) as pool,
        contextlib.ExitStack() as stack,
    ):
        warnings.simplefilter("ignore")  # about large images, odd palettes and broken EXIF blocks
        idle: SimpleQueue[Callable[[list[str]], Chunk]] = SimpleQueue()
        here = partial(decode_files, base, size=size, channels=channels, levels=levels, nearest=nearest)
        for _ in range(number):
            worker = Worker(base, size, channels, levels, nearest)
            stack.callback(worker.end)
            idle.put(worker.decode if count >= PROCESS_THRESHOLD else here)

        def decode(chunk: list[str]) -> Chunk:
            decoder = idle.get()
            try:
                return decoder(chunk)
            finally:
                idle.put(decoder)

        try:
            # The queue is bounded, so that decoded images do not pile up if the disk is slow.
            for chunk in _chunks(names, _chunk_size(count, size, channels)):
                waiting.append(pool.submit(decode, chunk))
                if len(waiting) > 2 * number:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def decode_files(
    base: Path, names: list[str], size: Size, channels: int, levels: Levels | None = None, nearest: bool = False
) -> Chunk:
    """Decode files in this process; unreadable ones are skipped."""
    read = partial(read_square, levels=levels, nearest=nearest) if levels or nearest else read_square
    images: list[bytes] = []
    skipped: list[str] = []
    reasons: list[str] = []
    again: list[str] = []
    coloured = False
    for name in names:
        try:
            pixels = read(base / name, size, channels)
        except Exception as error:  # Pillow's decoders raise nearly any type of error on damaged files
            skipped.append(name)
            reasons.append(why_unreadable(error, base / name))
            again += [name] if _may_be_temporary(error) else []
            continue
        images.append(pixels.tobytes())
        coloured = coloured or bool((pixels != pixels[:1]).any())
    return Chunk(len(names), b"".join(images), tuple(skipped), tuple(reasons), tuple(again), coloured)


def _may_be_temporary(error: Exception) -> bool:
    """Whether the system caused the failure (permission, lost drive, memory), so that the file itself may be fine."""
    if isinstance(error, OSError):
        return error.errno is not None and not isinstance(error, FileNotFoundError)
    return isinstance(error, MemoryError)


class Worker:
    """A process that decodes. If a file crashes it, that file is skipped and another process is started.

    It does not use multiprocessing, which would import the user's script again or fork a process that has threads.
    If no process can be started, the files are decoded in this one.
    """

    def __init__(
        self, base: Path, size: Size, channels: int, levels: Levels | None = None, nearest: bool = False
    ) -> None:
        self._base, self._how = base, (size, channels, levels, nearest)
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    def decode(self, names: list[str]) -> Chunk:
        """As `decode_files`. Raises WorkerDied after `end`."""
        if self._process is None and not self._start():
            return decode_files(self._base, names, *self._how)
        try:
            return self._request(names)
        except WorkerDied:
            self._stop()
            if self._ended:
                raise
        if len(names) == 1:
            return Chunk(1, b"", tuple(names), (CRASHED,), tuple(names))
        chunks = [self.decode([name]) for name in names]
        return Chunk(
            len(names),
            b"".join(chunk.pixels for chunk in chunks),
            tuple(name for chunk in chunks for name in chunk.skipped),
            tuple(reason for chunk in chunks for reason in chunk.reasons),
            tuple(name for chunk in chunks for name in chunk.again),
            any(chunk.coloured for chunk in chunks),
        )

    def end(self) -> None:
        self._ended = True
        self._stop()

    def _start(self) -> bool:
        command = [sys.executable, "-P", "-m", "ganzoo.data.images.workers", str(self._base)]
        paths = [str(Path(__file__).parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])]
        # NumPy's threads would be idle.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"}
        try:
            self._process = subprocess.Popen(
                [*command, *map(json.dumps, self._how)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            self._read_reply()
        except (OSError, WorkerDied):
            self._stop()
            return False
        return True

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _request(self, names: list[str]) -> Chunk:
        try:
            assert self._process
            assert self._process.stdin
            self._process.stdin.write(json.dumps(names).encode("ascii") + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise WorkerDied from error
        return self._read_reply()

    def _read_reply(self) -> Chunk:
        try:
            assert self._process
            assert self._process.stdout
            header = json.loads(self._process.stdout.readline())
            pixels = self._process.stdout.read(header["bytes"])
        except (OSError, ValueError) as error:
            raise WorkerDied from error
        if len(pixels) != header["bytes"]:
            raise WorkerDied
        skipped, reasons, again = (tuple(header[name]) for name in ("skipped", "reasons", "again"))
        return Chunk(header["files"], pixels, skipped, reasons, again, header["coloured"])


def serve(base: Path, size: Size, channels: int, levels: Levels | None = None, nearest: bool = False) -> None:
    """Run as a worker until standard input ends, as it does when the parent process has ended."""
    # Ctrl-C goes to every process of a terminal; the parent decides what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    # Decoders are C libraries; what they print must not mix with the replies.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def reply(chunk: Chunk) -> None:
        header = {field.name: getattr(chunk, field.name) for field in fields(chunk) if field.name != "pixels"}
        replies.write(json.dumps(header | {"bytes": len(chunk.pixels)}).encode("ascii") + b"\n" + chunk.pixels)
        replies.flush()

    reply(Chunk(0, b""))
    with contextlib.suppress(BrokenPipeError):
        for line in sys.stdin.buffer:
            reply(decode_files(base, json.loads(line), size, channels, levels, nearest))


def _chunk_size(count: int, size: Size, channels: int) -> int:
    if count < PROCESS_THRESHOLD:
        return 1
    return max(1, min(CHUNK_FILES, CHUNK_BYTES // (channels * math.prod(height_width(size)))))


def _chunks(names: Iterable[str], files: int) -> Iterator[list[str]]:
    remaining = iter(names)
    while chunk := list(islice(remaining, files)):
        yield chunk


if __name__ == "__main__":
    size, channels, levels, nearest = map(json.loads, sys.argv[2:])
    serve(Path(sys.argv[1]), size, channels, Levels(*levels) if levels else None, nearest)
