"""The progress bar."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from ganzoo.callbacks import Training


from ganzoo.callbacks import Callback
from ganzoo.errors import printable
from ganzoo.machine.streams import optional

REFRESH_SECONDS = 0.1
"""Seconds between updates of the progress bar, each of which takes longer than drawing a batch."""


class ProgressBar(Callback):
    """A bar with losses and time left on a terminal; elsewhere a line after every tenth of the steps."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self.stream = console.file = optional(console.file)
        # Stored, as the property reads the environment at each access.
        self.interactive = console.is_terminal
        self.bar = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[losses]}", markup=False),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not self.interactive,
        )
        self.task = TaskID(0)
        self.losses = ""

    def on_start(self, trainer: Training) -> None:
        done, steps = trainer.progress.step, trainer.progress.steps
        self.start_time = self.refreshed = time.perf_counter()
        self.first_step = done
        self.task = self.bar.add_task("train", total=steps, completed=done, losses="")
        self.bar.start()

    def on_log(self, trainer: Training, values: dict[str, float]) -> None:
        losses = (f"{name} {value:.3f}" for name, value in values.items() if name.endswith("/loss"))
        self.losses = printable("  ".join(losses))

    def on_step(self, trainer: Training) -> None:
        done, steps = trainer.progress.step, trainer.progress.steps
        if self.interactive:
            now = time.perf_counter()
            if now - self.refreshed >= REFRESH_SECONDS:
                self.bar.update(self.task, completed=done, losses=self.losses)
                self.refreshed = now
        elif done % max(1, steps // 10) == 0:
            left = (time.perf_counter() - self.start_time) / (done - self.first_step) * (steps - done)
            print(f"step {done}/{steps}  {self.losses}  {left:.0f} s left", file=self.stream, flush=True)

    def on_end(self, trainer: Training) -> None:
        self.bar.update(self.task, completed=trainer.progress.step, losses=self.losses)
        self.bar.stop()
