"""Optional callbacks that send the log and the samples elsewhere: TensorBoard and Weights & Biases."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.callbacks import Callback
from ganzoo.errors import GanzooError, unknown
from ganzoo.runs.callbacks.sheets import draw

if TYPE_CHECKING:
    from ganzoo.callbacks import Training
    from ganzoo.runs.run import Run


class TensorBoard(Callback):
    """Event files in RUN/tensorboard, for `tensorboard --logdir RUN`."""

    def __init__(self, run: Run) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(str(run.path / "tensorboard"))

    def on_log(self, trainer: Training, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, trainer.progress.step)

    def on_end(self, trainer: Training) -> None:
        picture = draw(trainer)
        if picture is not None:
            pixels = np.asarray(picture.convert("RGB"))
            self.writer.add_image("samples", pixels, trainer.progress.step, dataformats="HWC")
        self.writer.close()


class WeightsAndBiases(Callback):
    """A run of Weights & Biases; offline with WANDB_MODE=offline, its files in RUN/wandb."""

    def __init__(self, run: Run) -> None:
        import wandb

        self.wandb: Any = wandb
        self.session = wandb.init(project="ganzoo", name=run.path.name, dir=str(run.path), config=run.info)

    def on_log(self, trainer: Training, values: dict[str, float]) -> None:
        self.session.log(values, step=trainer.progress.step)

    def on_end(self, trainer: Training) -> None:
        picture = draw(trainer)
        if picture is not None:
            self.session.log({"samples": self.wandb.Image(picture)}, step=trainer.progress.step)
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
