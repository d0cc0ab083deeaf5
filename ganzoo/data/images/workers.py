"""Many image files to pixels, in parallel: in threads where they are few, in worker processes where they are many.

`python -m ganzoo.data.images.workers FOLDER SIZE CHANNELS` is a worker. It reads a line for each part, a JSON list of
file names, and answers with a line of JSON, what `Part` says but the pixels, and then the pixels.
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

MANY = 2_000
"""Files from which on processes are worth their start: a third of the time is Python's, which threads cannot share."""

PART_FILES, PART_BYTES = 16, 1 << 20
"""How many files a worker is given at a time, and at most how many bytes of pixels come back."""

MOST_WORKERS = 16


@dataclass(frozen=True)
class Part:
    """What became of some files.

    files: how many they were; pixels: of those that could be read, uint8 `[C, H, W]` each, one after the other.
    skipped: the names of the others; retry: whether the system refused any, which may pass without the file changing.
    coloured: whether any pixel is not grey.
    """

    files: int
    pixels: bytes
    skipped: tuple[str, ...]
    retry: bool
    coloured: bool


class Died(Exception):
    """A worker process has ended."""


def decoded(base: Path, names: Iterable[str], count: int, size: int, channels: int) -> Generator[Part]:
    """The `count` files `names` of folder `base` as `read_square` reads them: in order, a few parts ahead."""
    number = min(MOST_WORKERS, _processors())
    waiting: deque[Future[Part]] = deque()
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(number) as pool,
        contextlib.ExitStack() as stack,
    ):
        warnings.simplefilter("ignore")  # of large images, odd palettes and broken EXIF blocks
        idle: SimpleQueue[Callable[[list[str]], Part]] = SimpleQueue()
        for _ in range(number):
            worker = Worker(base, size, channels)
            stack.callback(worker.end)
            idle.put(worker.decode if count >= MANY else partial(decode_files, base, size=size, channels=channels))

        def decode(part: list[str]) -> Part:
            decoder = idle.get()
            try:
                return decoder(part)
            finally:
                idle.put(decoder)

        try:
            # The queue is bounded, so that a slow disk does not let decoded images pile up.
            for part in _parts(names, _part_size(count, size, channels)):
                waiting.append(pool.submit(decode, part))
                if len(waiting) > 2 * number:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def decode_files(base: Path, names: list[str], size: int, channels: int) -> Part:
    """Decode files here and now; one that cannot be read is skipped."""
    images, skipped, retry, coloured = [], [], False, False
    for name in names:
        try:
            pixels = read_square(base / name, size, channels)
        except Exception as error:  # Pillow's decoders raise nearly every type there is on damaged files
            skipped.append(name)
            retry = retry or _may_pass(error)
            continue
        images.append(pixels.tobytes())
        coloured = coloured or bool((pixels != pixels[:1]).any())
    return Part(len(names), b"".join(images), tuple(skipped), retry, coloured)


def _may_pass(error: Exception) -> bool:
    """Whether the system refused (no permission, a lost drive, no memory), which may pass without the file changing."""
    if isinstance(error, OSError):
        return error.errno is not None and not isinstance(error, FileNotFoundError)
    return isinstance(error, MemoryError)


class Worker:
    """A process that decodes. When a file makes it die, that file is skipped and another process takes its place.

    It is none of multiprocessing's: those import the user's script once more, or copy a process that has threads.
    Where no process starts, the files are decoded here.
    """

    def __init__(self, base: Path, size: int, channels: int) -> None:
        self._base, self._size, self._channels = base, size, channels
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    def decode(self, names: list[str]) -> Part:
        """As `decode_files`. Raises Died after `end`."""
        if self._process is None and not self._start():
            return decode_files(self._base, names, self._size, self._channels)
        try:
            return self._ask(names)
        except Died:
            self._stop()
            if self._ended:
                raise
        if len(names) == 1:
            return Part(1, b"", tuple(names), retry=True, coloured=False)
        parts = [self.decode([name]) for name in names]
        return Part(
            len(names),
            b"".join(part.pixels for part in parts),
            tuple(name for part in parts for name in part.skipped),
            any(part.retry for part in parts),
            any(part.coloured for part in parts),
        )

    def end(self) -> None:
        self._ended = True
        self._stop()

    def _start(self) -> bool:
        command = [sys.executable, "-P", "-m", "ganzoo.data.images.workers", str(self._base)]
        paths = [str(Path(__file__).parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])]
        # NumPy's own threads would only lie idle in it.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"}
        try:
            self._process = subprocess.Popen(
                [*command, str(self._size), str(self._channels)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            self._answer()
        except (OSError, Died):
            self._stop()
            return False
        return True

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _ask(self, names: list[str]) -> Part:
        try:
            assert self._process
            assert self._process.stdin
            self._process.stdin.write(json.dumps(names).encode("ascii") + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise Died from error
        return self._answer()

    def _answer(self) -> Part:
        try:
            assert self._process
            assert self._process.stdout
            answer = json.loads(self._process.stdout.readline())
            pixels = self._process.stdout.read(answer["bytes"])
        except (OSError, ValueError) as error:
            raise Died from error
        if len(pixels) != answer["bytes"]:
            raise Died
        return Part(answer["files"], pixels, tuple(answer["skipped"]), answer["retry"], answer["coloured"])


def serve(base: Path, size: int, channels: int) -> None:
    """Be a worker until standard input ends, as it does when the process that asks is gone."""
    # Ctrl-C goes to every process of a terminal; who asked decides what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    # Decoders are C libraries, and what they may print must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def answer(part: Part) -> None:
        said = {"files": part.files, "skipped": part.skipped, "retry": part.retry, "coloured": part.coloured}
        answers.write(json.dumps(said | {"bytes": len(part.pixels)}).encode("ascii") + b"\n" + part.pixels)
        answers.flush()

    answer(Part(0, b"", (), retry=False, coloured=False))
    with contextlib.suppress(BrokenPipeError):
        for line in sys.stdin.buffer:
            answer(decode_files(base, json.loads(line), size, channels))


def _part_size(count: int, size: int, channels: int) -> int:
    return max(1, min(PART_FILES, PART_BYTES // (channels * size * size))) if count >= MANY else 1


def _parts(names: Iterable[str], files: int) -> Iterator[list[str]]:
    left = iter(names)
    while part := list(islice(left, files)):
        yield part


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
