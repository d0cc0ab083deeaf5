"""Optional callbacks that send the log, the scores and the samples elsewhere: TensorBoard and Weights & Biases."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ganzoo.callbacks import Callback
from ganzoo.errors import GanzooError, printable, unknown
from ganzoo.machine.streams import optional
from ganzoo.training.optim import learning_rate

if TYPE_CHECKING:
    from ganzoo.callbacks import Training
    from ganzoo.runs.run import Run


class Logger(Callback):
    """Sends the logged terms, each player's learning rate, the scores during training and the sheets of samples.

    Scores and sheets are read from the run folder, into which other callbacks have written them before.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.scored = 0
        self.shown = -1

    def send_numbers(self, values: Mapping[str, float], step: int) -> None:
        """Send numbers by name."""
        raise NotImplementedError

    def send_picture(self, picture: Any, step: int) -> None:
        """Send a picture (PIL) of samples."""
        raise NotImplementedError

    def close(self) -> None:
        """Send what has not been sent yet."""

    def on_start(self, trainer: Training) -> None:
        self.scored = len(self.run.evaluations())
        self._send_sheet(trainer)

    def on_log(self, trainer: Training, values: dict[str, float]) -> None:
        step, steps = trainer.progress.step, trainer.progress.steps
        # The rate of the step that was just made.
        rates = {
            f"{player}/lr": learning_rate(trainer.recipe.optimiser(player), step - 1, steps)
            for player in trainer.gan.players
        }
        self.send_numbers({**values, **rates}, step)

    def on_step(self, trainer: Training) -> None:
        self._send_sheet(trainer)
        every = self.run.options().get("eval_every")
        if every and trainer.progress.step % every == 0:
            for record in self.run.evaluations()[self.scored :]:
                self.scored += 1
                self.send_numbers({f"scores/{name}": value for name, value in record["scores"].items()}, record["step"])

    def on_end(self, trainer: Training) -> None:
        self._send_sheet(trainer)
        self.close()

    def _send_sheet(self, trainer: Training) -> None:
        step = trainer.progress.step
        sheet = self.run.path / "samples" / f"{step:06d}.png"
        if step != self.shown and sheet.is_file():
            self.shown = step
            with Image.open(sheet) as picture:
                self.send_picture(picture.convert("RGB"), step)


class TensorBoard(Logger):
    """Event files in RUN/tensorboard."""

    def __init__(self, run: Run) -> None:
        from torch.utils.tensorboard import SummaryWriter

        super().__init__(run)
        self.folder = run.path / "tensorboard"
        self.writer: Any = SummaryWriter(str(self.folder))

    def on_start(self, trainer: Training) -> None:
        command = f"tensorboard --logdir {shlex.quote(str(self.folder))}"
        print(printable(f"to follow it: {command}"), file=optional(sys.stderr), flush=True)
        super().on_start(trainer)

    def send_numbers(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def send_picture(self, picture: Any, step: int) -> None:
        self.writer.add_image("samples", np.asarray(picture), step, dataformats="HWC")

    def close(self) -> None:
        self.writer.close()


class WeightsAndBiases(Logger):
    """A run of Weights & Biases, which prints its address; offline with WANDB_MODE=offline, its files in RUN/wandb."""

    def __init__(self, run: Run) -> None:
        import wandb

        super().__init__(run)
        self.wandb: Any = wandb
        self.session = wandb.init(project="ganzoo", name=run.path.name, dir=str(run.path), config=run.info)

    def send_numbers(self, values: Mapping[str, float], step: int) -> None:
        self.session.log(dict(values), step=step)

    def send_picture(self, picture: Any, step: int) -> None:
        self.session.log({"samples": self.wandb.Image(picture)}, step=step)

    def close(self) -> None:
        self.session.finish()


LOGGERS: dict[str, Callable[[Run], Callback]] = {"tensorboard": TensorBoard, "wandb": WeightsAndBiases}


def check_logger(name: str) -> None:
    """Raise GanzooError if there is no such logger, or its package (of the same name) is missing."""
    if name not in LOGGERS:
        raise unknown("logger", name, LOGGERS)
    if importlib.util.find_spec(name) is None:
        raise GanzooError(f"--logger {name} needs a package: pip install 'ganzoo[{name}]'.")


def make_logger(name: str, run: Run) -> Callback:
    """A logger by name; raises what `check_logger` raises."""
    check_logger(name)
    return LOGGERS[name](run)
