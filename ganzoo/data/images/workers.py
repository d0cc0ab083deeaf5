"""Decoding many image files in parallel: few of them in threads, many in worker processes.

`python -m ganzoo.data.images.workers FOLDER SIZE CHANNELS` is a worker. It reads one line per chunk, a JSON list of
file names, and replies with a line of JSON, the fields of `Chunk` except the pixels, followed by the pixels.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

from ganzoo.data.images.decode import read_square

PROCESS_THRESHOLD = 2_000
"""Number of files from which starting processes pays off: a third of the time is Python's, which holds the GIL."""

CHUNK_FILES, CHUNK_BYTES = 16, 1 << 20
"""Maximum number of files that a worker gets at a time, and maximum number of bytes of pixels that it returns."""

MAX_WORKERS = 16


@dataclass(frozen=True)
class Chunk:
    """The result of decoding some files.

    files: number of files; pixels: those of the readable files, uint8 `[C, H, W]` each, concatenated. skipped: names of
    the unreadable files; retry: whether any failure may be temporary (see `_may_be_temporary`). coloured: whether any
    pixel is not grey.
    """

    files: int
    pixels: bytes
    skipped: tuple[str, ...]
    retry: bool
    coloured: bool


class WorkerDied(Exception):
    """A worker process has ended."""


def decode_all(base: Path, names: Iterable[str], count: int, size: int, channels: int) -> Generator[Chunk]:
    """The `count` files `names` of folder `base` as `read_square` reads them: in order, decoded a few chunks ahead."""
    number = min(MAX_WORKERS, _processors())
    waiting: deque[Future[Chunk]] = deque()
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(number) as pool,
        contextlib.ExitStack() as stack,
    ):
        warnings.simplefilter("ignore")  # about large images, odd palettes and broken EXIF blocks
        idle: SimpleQueue[Callable[[list[str]], Chunk]] = SimpleQueue()
        here = partial(decode_files, base, size=size, channels=channels)
        for _ in range(number):
            worker = Worker(base, size, channels)
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


def decode_files(base: Path, names: list[str], size: int, channels: int) -> Chunk:
    """Decode files in this process; unreadable ones are skipped."""
    images, skipped, retry, coloured = [], [], False, False
    for name in names:
        try:
            pixels = read_square(base / name, size, channels)
        except Exception as error:  # Pillow's decoders raise nearly any type of error on damaged files
            skipped.append(name)
            retry = retry or _may_be_temporary(error)
            continue
        images.append(pixels.tobytes())
        coloured = coloured or bool((pixels != pixels[:1]).any())
    return Chunk(len(names), b"".join(images), tuple(skipped), retry, coloured)


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

    def __init__(self, base: Path, size: int, channels: int) -> None:
        self._base, self._size, self._channels = base, size, channels
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    def decode(self, names: list[str]) -> Chunk:
        """As `decode_files`. Raises WorkerDied after `end`."""
        if self._process is None and not self._start():
            return decode_files(self._base, names, self._size, self._channels)
        try:
            return self._request(names)
        except WorkerDied:
            self._stop()
            if self._ended:
                raise
        if len(names) == 1:
            return Chunk(1, b"", tuple(names), retry=True, coloured=False)
        chunks = [self.decode([name]) for name in names]
        return Chunk(
            len(names),
            b"".join(chunk.pixels for chunk in chunks),
            tuple(name for chunk in chunks for name in chunk.skipped),
            any(chunk.retry for chunk in chunks),
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
                [*command, str(self._size), str(self._channels)],
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
        return Chunk(header["files"], pixels, tuple(header["skipped"]), header["retry"], header["coloured"])


def serve(base: Path, size: int, channels: int) -> None:
    """Run as a worker until standard input ends, as it does when the parent process has ended."""
    # Ctrl-C goes to every process of a terminal; the parent decides what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    # Decoders are C libraries; what they print must not mix with the replies.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def reply(chunk: Chunk) -> None:
        header = {"files": chunk.files, "skipped": chunk.skipped, "retry": chunk.retry, "coloured": chunk.coloured}
        replies.write(json.dumps(header | {"bytes": len(chunk.pixels)}).encode("ascii") + b"\n" + chunk.pixels)
        replies.flush()

    reply(Chunk(0, b"", (), retry=False, coloured=False))
    with contextlib.suppress(BrokenPipeError):
        for line in sys.stdin.buffer:
            reply(decode_files(base, json.loads(line), size, channels))


def _chunk_size(count: int, size: int, channels: int) -> int:
    if count < PROCESS_THRESHOLD:
        return 1
    return max(1, min(CHUNK_FILES, CHUNK_BYTES // (channels * size * size)))


def _chunks(names: Iterable[str], files: int) -> Iterator[list[str]]:
    remaining = iter(names)
    while chunk := list(islice(remaining, files)):
        yield chunk


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
