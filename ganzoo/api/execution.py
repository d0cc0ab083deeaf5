"""What train and resume share: data and networks within memory, the callbacks, the trainer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganzoo.api.failures import explain_failures, explain_out_of_memory, is_out_of_memory, naming_game
from ganzoo.api.planning import (
    Plan,
    build,
)
from ganzoo.callbacks import Callback
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError, printable
from ganzoo.files import checkpoint
from ganzoo.files.lock import Lock
from ganzoo.game import GAN
from ganzoo.machine.fabric import Fabric
from ganzoo.machine.ranks import on_all_ranks, on_first_rank
from ganzoo.machine.signals import Stopped, stop_on_signals
from ganzoo.recipes import Data, DataSpec, Recipe, RunOptions
from ganzoo.runs.callbacks.diagnosis import Diagnosis, hint_on_nonfinite, measure_every
from ganzoo.runs.callbacks.evaluations import Evaluations
from ganzoo.runs.callbacks.log import MetricsLog
from ganzoo.runs.callbacks.loggers import make_logger
from ganzoo.runs.callbacks.notebook import NotebookView, in_notebook
from ganzoo.runs.callbacks.progress import ProgressBar, ending_bar
from ganzoo.runs.callbacks.saving import Checkpoints, FolderCheck
from ganzoo.runs.callbacks.sheets import Sheets
from ganzoo.runs.run import Run
from ganzoo.training.capture import make_recorder
from ganzoo.training.trainer import Trainer
from ganzoo.zoo.boundary import kind_of
from ganzoo.zoo.datasets import load_data
from ganzoo.zoo.isolated import IsolatedCallback
from ganzoo.zoo.zoo import current_zoo

Report = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What a call that trains returns to the command line.

    step: how many steps are done, fewer than the recipe's if a callback requested a stop. begun: how many were done
    before this call. first_rank: whether this
    process is the rank that reports. ranks: the devices and nodes used for training, as options for `evaluate`; empty
    if no steps were left.
    """

    run: Run
    step: int
    first_rank: bool = True
    begun: int = 0
    ranks: Mapping[str, Any] = field(default_factory=dict)


def load_dataset(fabric: Fabric, recipe: Recipe, options: RunOptions, data: Data | None = None) -> Dataset:
    """Read a recipe's data set, first on the first rank, so that it is downloaded or decoded only once.

    data: how to read it, if not as the recipe says.
    """

    def read() -> Dataset:
        with explain_out_of_memory("reading the data", recipe):
            return load_data(data or recipe.data, options)

    first = on_first_rank(fabric, read)
    return on_all_ranks(fabric, lambda: first or read())


def build_within_memory(plan: Plan, data: DataSpec) -> GAN:
    """`build`, with a TrainingError that suggests what to lower when memory runs out."""
    with explain_out_of_memory("building the networks", plan.recipe):
        return build(plan, data)


def run_training(
    run: Run,
    gan: GAN,
    dataset: Dataset,
    recipe: Recipe,
    options: RunOptions,
    fabric: Fabric,
    state: dict[str, Any] | None = None,
    lock: Lock | None = None,
    callbacks: Sequence[Callback] = (),
) -> Outcome:
    """Run the trainer with the run's callbacks, and those of the caller.

    Raises Stopped after a signal, with everything saved, and TrainingError if training fails.
    """

    def prepare() -> Trainer:
        if fabric.is_global_zero:
            used = make_callbacks(run, recipe, options, lock, callbacks)
        else:
            used = [Evaluations(run, options)] if options.eval_every else []
        trainer = make_trainer(gan, dataset, recipe, options, fabric, used)
        begin(trainer, state, run)
        return trainer

    first = fabric.is_global_zero
    with explain_failures(run, recipe, first=first):
        trainer = on_all_ranks(fabric, prepare)
        begun = trainer.progress.step
        hints, refusals = hint_on_nonfinite(trainer.callbacks, trainer), naming_game(run, trainer.progress)
        with stop_on_signals(trainer.stop), ending_bar(trainer.callbacks), hints, refusals:
            trainer.fit()
        if trainer.signal and trainer.progress.step < trainer.progress.steps:
            raise Stopped(trainer.signal, run.path, trainer.progress.step, first)
    return Outcome(run, trainer.progress.step, first, begun, {"devices": options.devices, "nodes": options.nodes})


def make_trainer(
    gan: GAN, dataset: Dataset, recipe: Recipe, options: RunOptions, fabric: Fabric, callbacks: Sequence[Callback]
) -> Trainer:
    """The trainer of a game, as the run options say; networks that should be compiled are, at their first call."""
    if options.compile:
        for player in gan.players.values():
            player.compile()
    return Trainer(
        gan,
        dataset,
        recipe,
        fabric,
        callbacks,
        options.log_every,
        options.on_nonfinite,
        make_recorder(fabric.device, options.capture),
        sync_batch_norm=options.sync_batch_norm,
        collective=[callback for callback in callbacks if isinstance(callback, Evaluations)],
    )


def begin(trainer: Trainer, state: dict[str, Any] | None, run: Run) -> None:
    """Put a trainer at a state, or, without one, at the start."""
    if state is not None:
        load_state(trainer, state, run)
    elif "initialised" in run.info and trainer.fabric.is_global_zero:
        # Resuming must not need the weights that it started from.
        checkpoint.save(run.checkpoints, 0, trainer.state())


def load_state(trainer: Trainer, state: dict[str, Any], run: Run) -> None:
    """Restore the newest checkpoint's state. Raises GanzooError if the optimisers of the recipe are others."""
    try:
        trainer.load_state(state)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        fitting = f"the optimisers of {run.path / 'recipe.json'}"
        raise GanzooError(
            f"the newest checkpoint in {run.checkpoints} does not fit {fitting} ({printable(str(error))})."
        ) from error


def make_callbacks(
    run: Run, recipe: Recipe, options: RunOptions, lock: Lock | None = None, own: Sequence[Callback] = ()
) -> list[Callback]:
    """The core's callbacks, the optional loggers, the plugins' and the caller's, in the order in which they are called.

    own: the caller's.
    """
    used: list[Callback] = [
        *([FolderCheck(lock)] if lock else []),
        MetricsLog(run),
        Sheets(run, options.sample_every or max(1, recipe.steps // 20)),
        *[IsolatedCallback(make_logger(name, run), f"--logger {name}") for name in options.loggers],
        *current_zoo().callbacks(run.variant, recipe, run),
        *[IsolatedCallback(callback, "callbacks") for callback in own],
        Diagnosis(run, measure_every(recipe.steps)),
        *([Evaluations(run, options, lock)] if options.eval_every else []),
        Checkpoints(run.checkpoints, options.save_every or max(1, recipe.steps // 10), options.keep),
    ]
    if not options.progress:
        return used
    if in_notebook():
        return [*used, IsolatedCallback(NotebookView(run), "the view of the training in this notebook")]
    return [ProgressBar(), *used]


def check_callbacks(callbacks: Iterable[Callback]) -> list[Callback]:
    """The caller's callbacks. Raises GanzooError for anything else."""
    found = list(callbacks)
    for callback in found:
        if not isinstance(callback, Callback):
            what = f"the class {callback.__name__}" if isinstance(callback, type) else kind_of(callback)
            raise GanzooError(f"callbacks takes objects of ganzoo.callbacks.Callback, not {what}.")
    return found
