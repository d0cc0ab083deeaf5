"""Checkpoints, and the check that the run folder is still in place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.files import checkpoint

if TYPE_CHECKING:
    from ganzoo.callbacks import Training
    from ganzoo.files.lock import Lock


from ganzoo.callbacks import Callback


class FolderCheck(Callback):
    """Ends training if its folder was removed or replaced, before anything is written in its place."""

    def __init__(self, lock: Lock) -> None:
        self.lock = lock

    def on_step(self, trainer: Training) -> None:
        self.lock.check()

    def on_log(self, trainer: Training, values: dict[str, float]) -> None:
        self.lock.check()

    def on_end(self, trainer: Training) -> None:
        self.lock.check()


class Checkpoints(Callback):
    """Saves the training state every `every` steps and at the end; keeps the newest `keep` checkpoints."""

    def __init__(self, folder: Path, every: int, keep: int = checkpoint.KEPT) -> None:
        self.folder, self.every, self.keep = folder, every, keep
        self.saved = -1

    def on_start(self, trainer: Training) -> None:
        self.folder.mkdir(exist_ok=True)
        step = trainer.progress.step
        # A session that was changed between two checkpoints starts at a step that is in none. Step 0 needs none.
        self.saved = step if step == 0 or step in checkpoint.found(self.folder) else -1

    def on_step(self, trainer: Training) -> None:
        # The last state is saved after the last pictures: a run that has it has everything else. A run that is asked to
        # stop saves first, as little time may be left.
        last = trainer.progress.step == trainer.progress.steps
        if (trainer.progress.step % self.every == 0 or trainer.stop_requested) and not last:
            self._save(trainer)

    def on_end(self, trainer: Training) -> None:
        if self.saved != trainer.progress.step:
            self._save(trainer)

    def _save(self, trainer: Training) -> None:
        checkpoint.save(self.folder, trainer.progress.step, trainer.state(), self.keep)
        self.saved = trainer.progress.step
