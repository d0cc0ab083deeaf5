"""What happens along a training: log, sheets, checkpoints, progress bar. Callbacks read, they never steer."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from torch import Tensor

from ganzoo import checkpoint, pictures
from ganzoo.errors import GanzooError
from ganzoo.files import append_line, remove_partial, write_atomically

if TYPE_CHECKING:
    from PIL.Image import Image

    from ganzoo.lock import Lock
    from ganzoo.run import Run
    from ganzoo.trainer import Trainer

SHEET = 64
POINTS = 2_000
REDRAWN = 0.1
"""Seconds between two looks of the progress bar at the training. To tell it takes longer than to draw a batch."""


class Callback:
    """Override any of these. All run on the first rank only (Evaluations, which every rank has, on all)."""

    def on_start(self, trainer: Trainer) -> None:
        """Before the first step of this process, which after a resume is not step 0."""

    def on_step(self, trainer: Trainer) -> None:
        """After each step; `trainer.progress.step` counts the steps done."""

    def on_log(self, trainer: Trainer, values: dict[str, float]) -> None:
        """Every `log_every` steps: the mean of each logged term, `phase/term`, since the last time."""

    def on_end(self, trainer: Trainer) -> None:
        """After the last step, or when training was asked to stop."""


class Presence(Callback):
    """Ends the training when its folder was removed or replaced, before anything is written in its place."""

    def __init__(self, lock: Lock) -> None:
        self.lock = lock

    def on_step(self, trainer: Trainer) -> None:
        self.lock.check()

    def on_log(self, trainer: Trainer, values: dict[str, float]) -> None:
        self.lock.check()

    def on_end(self, trainer: Trainer) -> None:
        self.lock.check()


class MetricsLog(Callback):
    """Writes metrics.jsonl: step, epoch, seconds of training, and every logged term."""

    def __init__(self, run: Run) -> None:
        self.run, self.path = run, run.path / "metrics.jsonl"

    def on_start(self, trainer: Trainer) -> None:
        # After a crash the log may be ahead of the checkpoint; those steps will be played and logged again.
        kept, before, cpu_before = [], 0.0, 0.0
        for record in self.run.metrics():
            if record["step"] <= trainer.progress.step:
                kept.append(json.dumps(record))
                before, cpu_before = record["seconds"], record.get("cpu_seconds", 0.0)
        write_atomically(self.path, "".join(line + "\n" for line in kept).encode(), parents=False)
        self.began, self.cpu_began = time.perf_counter() - before, time.process_time() - cpu_before

    def on_log(self, trainer: Trainer, values: dict[str, float]) -> None:
        seen = trainer.progress.step * trainer.recipe.images_per_step() / len(trainer.stream.dataset)
        seconds = round(time.perf_counter() - self.began, 3)
        cpu_seconds = round(time.process_time() - self.cpu_began, 3)
        times = {"seconds": seconds, "cpu_seconds": cpu_seconds}
        record = {"step": trainer.progress.step, "epoch": round(seen, 4), **times, **values}
        append_line(self.path, json.dumps(record))


class Sheets(Callback):
    """Draws the same latents every so often into samples/, and at the end samples.png, losses.png and training.gif."""

    def __init__(self, run: Run, every: int) -> None:
        self.run, self.every = run, every
        self.folder = run.path / "samples"

    def on_start(self, trainer: Trainer) -> None:
        self.folder.mkdir(exist_ok=True)
        remove_partial(self.folder)
        for sheet in self.folder.glob("*.png"):
            if sheet.stem.isdigit() and int(sheet.stem) > trainer.progress.step:
                sheet.unlink()
        if trainer.progress.step == 0:
            self._draw(trainer)

    def on_step(self, trainer: Trainer) -> None:
        if trainer.progress.step % self.every == 0:
            self._draw(trainer)

    def on_end(self, trainer: Trainer) -> None:
        # A training that was stopped adds no sheet: gone on with, it shall have those of one that never was.
        last = trainer.progress.step == trainer.progress.steps
        picture = self._draw(trainer) if last else draw(trainer)
        if picture is None:
            return
        pictures.write(picture, self.run.path / "samples.png")
        sheets = sorted(sheet for sheet in self.folder.glob("*.png") if sheet.stem.isdigit())
        pictures.animation(sheets, self.run.path / "training.gif")
        records = self.run.metrics()
        if records:
            pictures.write(pictures.loss_plot(records), self.run.path / "losses.png")

    def _draw(self, trainer: Trainer) -> Image | None:
        picture = draw(trainer)
        if picture is not None:
            pictures.write(picture, self.folder / f"{trainer.progress.step:06d}.png")
        return picture


def draw(trainer: Trainer) -> Image | None:
    """A picture of what the game draws now, from latents that are the same each time; None for other modalities."""
    gan, dataset = trainer.gan, trainer.stream.dataset
    classes = getattr(gan, "classes", 0)
    images = dataset.spec.modality == "image"
    if not images and dataset.spec.modality != "points":
        return None
    count = SHEET if images else POINTS
    columns = None
    if classes:
        columns = min(classes, 16)
        count = columns * 8 if images else count
    y = torch.arange(count, device=trainer.fabric.device) % (columns or 1) if classes else None
    with gan.for_sampling():
        # The next step seeds anew, so that drawing here changes nothing in the training.
        torch.manual_seed(trainer.recipe.seed)
        samples: Tensor = gan.sample(count, y)
    if images:
        return pictures.sheet(samples, columns)
    real = dataset.batch(torch.arange(min(20_000, dataset.count)))["x"]
    return pictures.scatter(samples, real, f"step {trainer.progress.step}")


class Checkpoints(Callback):
    """Saves the training's state every so often and at the end; keeps the newest `keep`."""

    def __init__(self, folder: Path, every: int, keep: int = 2) -> None:
        self.folder, self.every, self.keep = folder, every, keep
        self.saved = -1

    def on_start(self, trainer: Trainer) -> None:
        self.folder.mkdir(exist_ok=True)
        self.saved = trainer.progress.step

    def on_step(self, trainer: Trainer) -> None:
        # The last state comes after the last pictures: a training that has it has all the rest. One that is told to
        # stop saves first, as little time may be left.
        last = trainer.progress.step == trainer.progress.steps
        if (trainer.progress.step % self.every == 0 or trainer.stop_requested) and not last:
            self._save(trainer)

    def on_end(self, trainer: Trainer) -> None:
        if self.saved != trainer.progress.step:
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        checkpoint.save(self.folder, trainer.progress.step, trainer.state(), self.keep)
        self.saved = trainer.progress.step


class ProgressBar(Callback):
    """A bar with losses and time left on a terminal; elsewhere a line every tenth of the way."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        # Asked once: the answer takes a look at the environment.
        self.drawn = console.is_terminal
        self.bar = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[losses]}"),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not self.drawn,
        )
        self.task = TaskID(0)
        self.losses = ""

    def on_start(self, trainer: Trainer) -> None:
        done, steps = trainer.progress.step, trainer.progress.steps
        self.began = self.redrawn = time.perf_counter()
        self.first = done
        self.task = self.bar.add_task("train", total=steps, completed=done, losses="")
        self.bar.start()

    def on_log(self, trainer: Trainer, values: dict[str, float]) -> None:
        self.losses = "  ".join(f"{name} {value:.3f}" for name, value in values.items() if name.endswith("/loss"))

    def on_step(self, trainer: Trainer) -> None:
        done, steps = trainer.progress.step, trainer.progress.steps
        if self.drawn:
            now = time.perf_counter()
            if now - self.redrawn >= REDRAWN:
                self.bar.update(self.task, completed=done, losses=self.losses)
                self.redrawn = now
        elif done % max(1, steps // 10) == 0:
            left = (time.perf_counter() - self.began) / (done - self.first) * (steps - done)
            print(f"step {done}/{steps}  {self.losses}  {left:.0f} s left", file=sys.stderr, flush=True)

    def on_end(self, trainer: Trainer) -> None:
        self.bar.update(self.task, completed=trainer.progress.step, losses=self.losses)
        self.bar.stop()


class Guarded(Callback):
    """A plugin's callback. If it fails, a line names the plugin, and the training goes on without it.

    A GanzooError passes: with it a callback can refuse what the user asked for.
    """

    def __init__(self, callback: Callback, source: str) -> None:
        self.callback, self.source = callback, source
        self.failed = False

    def on_start(self, trainer: Trainer) -> None:
        self._call("on_start", trainer)

    def on_step(self, trainer: Trainer) -> None:
        self._call("on_step", trainer)

    def on_log(self, trainer: Trainer, values: dict[str, float]) -> None:
        # A copy: others read the same numbers.
        self._call("on_log", trainer, dict(values))

    def on_end(self, trainer: Trainer) -> None:
        self._call("on_end", trainer)

    def _call(self, moment: str, *values: Any) -> None:
        if self.failed:
            return
        try:
            getattr(self.callback, moment)(*values)
        except GanzooError:
            raise
        except Exception as error:
            self.failed = True
            what = f"{type(self.callback).__name__}.{moment} failed: {type(error).__name__}: {error}"
            line = " ".join(f"{self.source}: {what}; training goes on without it.".split())
            logging.getLogger("ganzoo").warning(line)
