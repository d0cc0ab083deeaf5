"""metrics.jsonl: every logged term over the steps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ganzoo.files.atomic import append_line
from ganzoo.files.records import truncate_log
from ganzoo.runs.reading import LOGGED

if TYPE_CHECKING:
    from ganzoo.callbacks import Training
    from ganzoo.runs.run import Run


from ganzoo.callbacks import Callback


class MetricsLog(Callback):
    """Writes metrics.jsonl: step, epoch, seconds of training without those of scoring, and every logged term."""

    def __init__(self, run: Run) -> None:
        self.run, self.path = run, run.path / "metrics.jsonl"

    def on_start(self, trainer: Training) -> None:
        # After a crash the log may be ahead of the checkpoint; those steps will be run and logged again.
        kept = truncate_log(self.path, trainer.progress.step, *LOGGED)
        last = kept[-1] if kept else {}
        before, cpu_before = last.get("seconds", 0.0), last.get("cpu_seconds", 0.0)
        watch = trainer.stopwatch
        self.earlier, self.cpu_earlier = before - watch.seconds, cpu_before - watch.cpu_seconds

    def on_log(self, trainer: Training, values: dict[str, float]) -> None:
        epoch = trainer.progress.samples / len(trainer.stream.dataset)
        seconds = round(self.earlier + trainer.stopwatch.seconds, 3)
        cpu_seconds = round(self.cpu_earlier + trainer.stopwatch.cpu_seconds, 3)
        times = {"seconds": seconds, "cpu_seconds": cpu_seconds}
        record = {"step": trainer.progress.step, "epoch": round(epoch, 4), **times, **values}
        append_line(self.path, json.dumps(record))
