"""The base class of callbacks, and the protocols of the trainer and the run folder that they can rely on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ganzoo.recipes import Recipe

if TYPE_CHECKING:
    from ganzoo.data.dataset import BatchStream
    from ganzoo.game import GAN, Course, Progress
    from ganzoo.machine.fabric import Fabric
    from ganzoo.machine.stopwatch import Stopwatch


class RunFolder(Protocol):
    """The part of a run that plugins may use.

    path: its folder. info: the content of recipe.json.
    """

    path: Path
    info: dict[str, Any]

    def metrics(self) -> list[dict[str, float]]:
        """Everything logged so far, oldest first."""
        ...


class Training(Protocol):
    """The part of the trainer that callbacks may use.

    gan: the game, with its `players` and `averages`. progress: steps done and in all. fabric: device and precision.
    stream: the batches; `stream.dataset` is the training data. part_size: how many samples a rank passes through the
    networks at once. course: the levels of a growing game. stopwatch: the time of training; work inside
    `stopwatch.paused()` does not count. stop_requested: set it to end training after this step, with everything saved.
    """

    gan: GAN
    recipe: Recipe
    progress: Progress
    fabric: Fabric
    stream: BatchStream
    part_size: int
    course: Course
    stopwatch: Stopwatch
    stop_requested: bool

    def state(self) -> dict[str, Any]:
        """Everything that resuming needs: tensors, numbers and strings in dicts."""
        ...


class Callback:
    """Override any of these. All are called on the first rank only."""

    def on_start(self, trainer: Training) -> None:
        """Before the first step of this process, which in a resumed run is not step 0."""

    def on_step(self, trainer: Training) -> None:
        """After each step; `trainer.progress.step` counts the steps done."""

    def on_log(self, trainer: Training, values: dict[str, float]) -> None:
        """Every `log_every` steps: the mean of each logged term, `phase/term`, since the last log."""

    def on_end(self, trainer: Training) -> None:
        """After the last step, or after the step in which a stop was requested."""


class CollectiveCallback(Protocol):
    """Work that all ranks do together after a step. Every rank has one, and it must be due at the same steps on all."""

    def due(self, step: int) -> bool:
        """Whether to run after step number `step`."""
        ...

    def run(self, trainer: Training) -> None:
        """Called on every rank at the same step, before other callbacks see it. Its time is not counted as training."""
        ...
