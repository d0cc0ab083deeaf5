"""metrics.jsonl: every logged term over the steps."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from ganzoo.files.atomic import append_line
from ganzoo.files.records import truncate_log
from ganzoo.runs.reading import LOGGED

if TYPE_CHECKING:
    from ganzoo.callbacks import Training
    from ganzoo.runs.run import Run


from ganzoo.callbacks import Callback


class MetricsLog(Callback):
    """Writes metrics.jsonl: step, epoch, seconds of training, and every logged term."""

    def __init__(self, run: Run) -> None:
        self.run, self.path = run, run.path / "metrics.jsonl"

    def on_start(self, trainer: Training) -> None:
        # After a crash the log may be ahead of the checkpoint; those steps will be run and logged again.
        kept = truncate_log(self.path, trainer.progress.step, *LOGGED)
        last = kept[-1] if kept else {}
        before, cpu_before = last.get("seconds", 0.0), last.get("cpu_seconds", 0.0)
        self.start, self.cpu_start = time.perf_counter() - before, time.process_time() - cpu_before

    def on_log(self, trainer: Training, values: dict[str, float]) -> None:
        epoch = trainer.progress.samples / len(trainer.stream.dataset)
        seconds = round(time.perf_counter() - self.start, 3)
        cpu_seconds = round(time.process_time() - self.cpu_start, 3)
        times = {"seconds": seconds, "cpu_seconds": cpu_seconds}
        record = {"step": trainer.progress.step, "epoch": round(epoch, 4), **times, **values}
        append_line(self.path, json.dumps(record))
