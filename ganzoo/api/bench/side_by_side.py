"""Cells of a benchmark at the same time on one machine: each in a process of its own, with its part of the cores."""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ganzoo.api.bench.grid import Cell
from ganzoo.errors import GanzooError, TrainingError
from ganzoo.machine.memory import available_memory, format_bytes
from ganzoo.machine.signals import Stopped, stop_on_signals
from ganzoo.machine.threads import cores

ROOM = 0.8
"""The fraction of the available memory that cells may take together."""

PROGRAM = [sys.executable, "-m", "ganzoo.api.bench.worker"]

Line = Callable[[str], None]


class Lost(Exception):
    """A worker process has ended without an answer."""


class Worker:
    """A process that finishes cells (see worker.py). threads: of each of its operations."""

    def __init__(self, out: Path, options: Mapping[str, Any], threads: int) -> None:
        # A number of threads that the user has set holds.
        environment = {"OMP_NUM_THREADS": str(threads)} | os.environ
        # In a session of its own, so that Ctrl+C reaches it once, through this process.
        self.process = subprocess.Popen(
            PROGRAM,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=environment,
            start_new_session=True,
        )
        self._send({"out": str(out), "options": dict(options)})

    def _send(self, content: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(content, default=os.fspath) + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise Lost(self.process.wait()) from error

    def start(self, what: str, cell: Cell) -> None:
        """Send a request about a cell."""
        self._send({what: {"group": dataclasses.asdict(cell.group), "seed": cell.seed}})

    def answer(self, line: Line = lambda text: None) -> dict[str, Any]:
        """The answer to the request; `line` is called with what is reported before it. Raises Lost."""
        assert self.process.stdout is not None
        for text in self.process.stdout:
            reply: dict[str, Any] = json.loads(text)
            if "line" not in reply:
                return reply
            line(reply["line"])
        raise Lost(self.process.wait())

    def signal(self, number: int) -> None:
        """Pass a signal on."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def close(self) -> None:
        """End the process after its current request."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Pool:
    """Finishes cells in several processes.

    record_failure: called with a cell whose process was lost, and the error; returns a line about it.
    """

    def __init__(
        self,
        jobs: int,
        out: Path,
        options: Mapping[str, Any],
        record_failure: Callable[[Cell, Exception], str],
    ) -> None:
        self.jobs, self.out, self.options, self.record_failure = jobs, out, options, record_failure
        self.threads = max(1, cores() // jobs)
        self.stopped_by = 0
        self._workers: list[Worker] = []
        self._waiting: queue.SimpleQueue[Cell] = queue.SimpleQueue()
        self._taking = threading.Lock()
        self._news: queue.SimpleQueue[Callable[[], None] | Exception] = queue.SimpleQueue()

    def run(
        self, cells: Sequence[Cell], begin: Callable[[Cell], None], line: Line, end: Callable[[Cell, str], None]
    ) -> None:
        """Finish cells; the functions are called in this thread: before and after each, and with what is reported.

        end: is given the problem of a cell that could not be finished, else "". Raises Stopped after a signal, when
        every process has saved its state.
        """
        for cell in cells:
            self._waiting.put(cell)
        threads = [threading.Thread(target=self._work, args=(begin, line, end)) for _ in range(self.jobs)]
        with stop_on_signals(self._stop):
            try:
                for thread in threads:
                    thread.start()
                while any(thread.is_alive() for thread in threads) or not self._news.empty():
                    try:
                        news = self._news.get(timeout=0.2)
                    except queue.Empty:
                        continue
                    if isinstance(news, Exception):
                        raise news
                    news()
            except BaseException:
                for worker in self._workers:
                    worker.process.kill()
                raise
        if self.stopped_by:
            raise Stopped(self.stopped_by, self.out)

    def _stop(self, number: int) -> None:
        self.stopped_by = number
        for worker in self._workers:
            worker.signal(number)

    def _work(self, begin: Callable[[Cell], None], line: Line, end: Callable[[Cell, str], None]) -> None:
        """Finish waiting cells, in a thread of its own, with one process at a time."""
        worker = None
        try:
            while not self.stopped_by:
                # Together, so that cells are announced in their order.
                with self._taking:
                    try:
                        cell = self._waiting.get_nowait()
                    except queue.Empty:
                        break
                    self._tell(begin, cell)
                if worker is None:
                    worker = Worker(self.out, self.options, self.threads)
                    self._workers.append(worker)
                    if self.stopped_by:
                        # The signal came before it was on the list.
                        worker.signal(self.stopped_by)
                try:
                    worker.start("finish", cell)
                    reply = worker.answer(lambda text: self._tell(line, text))
                except Lost as lost:
                    worker = None
                    if not self.stopped_by:
                        error = TrainingError(f"the process that trained it ended ({ending(int(str(lost)))}).")
                        self._tell(end, cell, self.record_failure(cell, error))
                    continue
                if "stopped" in reply:
                    self.stopped_by = self.stopped_by or reply["stopped"]
                else:
                    self._tell(end, cell, reply.get("done", reply.get("problem", "")))
        except Exception as error:
            self._news.put(error)
        finally:
            if worker is not None:
                worker.close()

    def _tell(self, function: Callable[..., None], *arguments: Any) -> None:
        self._news.put(lambda: function(*arguments))


def ending(code: int) -> str:
    """How a process ended, in words."""
    return f"signal {-code}; 9 is often a lack of memory" if code < 0 else f"exit code {code}"


def choose_jobs(cells: Sequence[Cell], out: Path, options: Mapping[str, Any]) -> tuple[int, str]:
    """How many cells at a time finish most of them per hour, by trying the first; and a line that says why.

    Either one with all cores, or one per core as far as the memory reaches.
    """
    possible = min(cores(), len(cells))
    if possible < 2:
        return 1, "one cell at a time: " + ("there is one core" if cores() < 2 else "there is one to train")
    cell = cells[0]
    try:
        (alone,) = measure(cell, out, options, 1)
        if memory := available_memory():
            possible = min(possible, max(1, int(ROOM * memory / alone["memory"]))) if alone["memory"] else possible
            if possible < 2:
                needed, free = format_bytes(alone["memory"]), format_bytes(memory)
                return 1, f"one cell at a time: each takes about {needed}, and {free} of memory are available"
        together = measure(cell, out, options, possible)
    except (Lost, KeyError):
        return 1, f"one cell at a time: {cell.title} could not be tried"
    slowest = max(found["seconds"] for found in together)
    ratio = possible * alone["seconds"] / slowest
    best = possible if ratio > 1 else 1
    words = f"{possible} cells at a time" if best > 1 else "one cell at a time"
    return best, f"{words}: {possible} side by side train {ratio:.2f} times as fast as one after the other"


def measure(cell: Cell, out: Path, options: Mapping[str, Any], jobs: int) -> list[dict[str, Any]]:
    """Seconds of training a cell and peak memory in bytes, in `jobs` processes at the same time. Raises Lost."""
    workers = [Worker(out, options, max(1, cores() // jobs)) for _ in range(jobs)]
    try:
        for what in ("prepare", "measure"):
            for worker in workers:
                worker.start(what, cell)
            answers = [worker.answer() for worker in workers]
        return answers
    finally:
        for worker in workers:
            worker.close()


def parse_jobs(text: str) -> int | str:
    """`"2"` as 2, and "auto"; GanzooError for anything else."""
    if text == "auto":
        return text
    if text.isascii() and text.isdigit() and 0 < int(text) <= 1024:
        return int(text)
    raise GanzooError(f"--jobs {text!r}: how many cells to train at a time, such as 2, or auto.")
