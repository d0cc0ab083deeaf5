"""The progress bar."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from ganzoo.callbacks import Training


from ganzoo.callbacks import Callback
from ganzoo.errors import printable
from ganzoo.machine.streams import optional

REFRESH_SECONDS = 0.1
"""Seconds between updates of the progress bar, each of which takes longer than drawing a batch."""


PRINT_SECONDS = 10.0
"""Seconds after which there is a further line where there is no terminal."""


class ProgressBar(Callback):
    """A bar with losses and time left on a terminal; elsewhere a line every tenth of the steps, or every 10 seconds."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self.stream = console.file = optional(console.file)
        # Stored, as the property reads the environment at each access.
        self.interactive = console.is_terminal
        self.bar = Progress(
            TextColumn("step"),
            TextColumn("{task.fields[steps]}"),
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
        self.start_time = self.refreshed = self.printed = time.perf_counter()
        self.first_step = done
        self.course = trainer.course
        # In units of time: later levels of a growing game take longer.
        self.task = self.bar.add_task("train", total=self.course.cost(steps), losses="", steps="")
        self.show(done, steps)
        self.bar.start()

    def on_log(self, trainer: Training, values: dict[str, float]) -> None:
        losses = (f"{name} {value:.3f}" for name, value in values.items() if name.endswith("/loss"))
        self.losses = printable("  ".join(losses))

    def on_step(self, trainer: Training) -> None:
        done, steps = trainer.progress.step, trainer.progress.steps
        if self.interactive:
            now = time.perf_counter()
            if now - self.refreshed >= REFRESH_SECONDS:
                self.show(done, steps)
                self.refreshed = now
        elif done % max(1, steps // 10) == 0 or time.perf_counter() - self.printed >= PRINT_SECONDS:
            self.printed = time.perf_counter()
            left = self.seconds_left(done, steps, time.perf_counter() - self.start_time)
            print(f"step {done}/{steps}  {self.losses}  {left:.0f} s left", file=self.stream, flush=True)

    def seconds_left(self, done: int, steps: int, seconds: float) -> float:
        """Time that is left after `done` of `steps` steps, of which this process has taken some in `seconds`."""
        before, now, whole = (self.course.cost(step) for step in (self.first_step, done, steps))
        return seconds / (now - before) * (whole - now)

    def show(self, done: int, steps: int) -> None:
        """Update the bar."""
        self.bar.update(
            self.task, completed=self.course.cost(done), losses=self.losses, steps=f"{done:>{len(str(steps))}}/{steps}"
        )

    def on_end(self, trainer: Training) -> None:
        self.show(trainer.progress.step, trainer.progress.steps)


@contextmanager
def ending_bar(callbacks: Sequence[Callback]) -> Iterator[None]:
    """Stop a progress bar among the callbacks at the end of the block: after what the others print at the end of
    training, which goes above the bar, and also if training fails, so that the terminal gets its cursor back.
    """
    try:
        yield
    finally:
        for callback in callbacks:
            if isinstance(callback, ProgressBar):
                callback.bar.stop()
