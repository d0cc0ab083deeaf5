"""Optional callbacks that send the log and the sheets elsewhere: TensorBoard and Weights & Biases."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.callbacks import Callback, draw
from ganzoo.errors import GanzooError, unknown

if TYPE_CHECKING:
    from ganzoo.run import Run
    from ganzoo.trainer import Trainer


class TensorBoard(Callback):
    """Event files in RUN/tensorboard, for `tensorboard --logdir RUN`."""

    def __init__(self, run: Run) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise GanzooError("--logger tensorboard needs a package: pip install 'ganzoo[tensorboard]'.") from error
        self.writer: Any = SummaryWriter(str(run.path / "tensorboard"))

    def on_log(self, trainer: Trainer, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, trainer.progress.step)

    def on_end(self, trainer: Trainer) -> None:
        picture = draw(trainer)
        if picture is not None:
            pixels = np.asarray(picture.convert("RGB"))
            self.writer.add_image("samples", pixels, trainer.progress.step, dataformats="HWC")
        self.writer.close()


class WeightsAndBiases(Callback):
    """A run of Weights & Biases; offline with WANDB_MODE=offline, its files in RUN/wandb."""

    def __init__(self, run: Run) -> None:
        try:
            import wandb
        except ImportError as error:
            raise GanzooError("--logger wandb needs a package: pip install 'ganzoo[wandb]'.") from error
        self.wandb: Any = wandb
        self.session = wandb.init(project="ganzoo", name=run.path.name, dir=str(run.path), config=run.info)

    def on_log(self, trainer: Trainer, values: dict[str, float]) -> None:
        self.session.log(values, step=trainer.progress.step)

    def on_end(self, trainer: Trainer) -> None:
        picture = draw(trainer)
        if picture is not None:
            self.session.log({"samples": self.wandb.Image(picture)}, step=trainer.progress.step)
        self.session.finish()


LOGGERS: dict[str, Callable[[Run], Callback]] = {"tensorboard": TensorBoard, "wandb": WeightsAndBiases}


def make_logger(name: str, run: Run) -> Callback:
    """A logger by name; GanzooError if there is none or its package is missing."""
    if name not in LOGGERS:
        raise unknown("logger", name, LOGGERS)
    return LOGGERS[name](run)
