"""A process that finishes cells of a benchmark for `side_by_side`: one request a line on stdin, replies on stdout.

The first line is the job: `{"out": FOLDER, "options": {...}}`. Requests are `{"finish": CELL}`, `{"prepare": CELL}`
(read its data) and `{"measure": CELL}`; CELL has the fields of a Group, and the seed. Replies are `{"line": TEXT}`
while it works, and at the end `{"done": PROBLEM}`, `{"ready": true}`, `{"seconds": S, "memory": BYTES}`,
`{"problem": TEXT}` or `{"stopped": SIGNAL}`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ganzoo.api import planning
from ganzoo.api.bench.grid import Cell, Group, cell_plan
from ganzoo.api.bench.runner import finish_cell
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.machine.launch import choose_device
from ganzoo.machine.memory import peak_memory
from ganzoo.machine.signals import Interrupted, Stopped, interruptible
from ganzoo.machine.streams import Stream, drop_output
from ganzoo.zoo.datasets import load_data


class Worker:
    """Answers requests until stdin ends."""

    def __init__(self, job: dict[str, Any], replies: IO[str]) -> None:
        self.out, self.options, self.replies = Path(job["out"]), job["options"], replies
        self.read: dict[str, Dataset] = {}

    def reply(self, **content: Any) -> None:
        """Send one line. A benchmark that is gone does not read it; the cell is finished all the same."""
        self.replies.write(json.dumps(content) + "\n")

    def answer(self, request: dict[str, Any]) -> None:
        """Do what one request says."""
        ((what, given),) = request.items()
        cell = Cell(Group(**given["group"]), given["seed"])
        if what == "finish":
            self.reply(done=finish_cell(cell, self.out, lambda line: self.reply(line=line), self.options))
            return
        plan = cell_plan(cell, **self.options)
        key = repr(plan.recipe.data)
        if key not in self.read:
            self.read[key] = load_data(plan.recipe.data, plan.options)
        if what == "prepare":
            self.reply(ready=True)
        else:
            seconds = planning.estimate(plan, self.read[key])
            self.reply(seconds=seconds, memory=peak_memory(choose_device(plan.options.device)))


@contextlib.contextmanager
def replies_on_stdout() -> Iterator[IO[str]]:
    """Standard output for replies alone: what plugins print goes to standard error."""
    copy = os.dup(1)
    os.dup2(2, 1)
    with io.TextIOWrapper(Stream(copy, required=False), encoding="utf-8", write_through=True) as replies:
        yield replies


def main() -> None:
    with replies_on_stdout() as replies, interruptible():
        drop_output()
        worker = Worker(json.loads(sys.stdin.readline()), replies)
        for line in sys.stdin:
            try:
                worker.answer(json.loads(line))
            except (Stopped, Interrupted) as stop:
                worker.reply(stopped=stop.number)
                return
            except GanzooError as error:
                worker.reply(problem=str(error))


if __name__ == "__main__":
    main()
