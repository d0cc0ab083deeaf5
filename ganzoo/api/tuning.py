"""Searching for good values of recipe keys with Optuna: each trial is a run, and hopeless ones end early."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ganzoo.api import planning, search_space
from ganzoo.api.planning import Plan
from ganzoo.api.search_space import Dimension
from ganzoo.api.train import execute
from ganzoo.callbacks import Callback
from ganzoo.errors import GanzooError, TrainingError, printable
from ganzoo.evaluation.ideals import Better
from ganzoo.files.typed import typed_path
from ganzoo.machine.seeds import mixed_seed
from ganzoo.machine.signals import Stopped
from ganzoo.pictures.tables import format_number
from ganzoo.recipes import to_dict
from ganzoo.runs.callbacks.stopping import name_in, score_named
from ganzoo.runs.run import Run
from ganzoo.zoo import config, registry

if TYPE_CHECKING:
    from ganzoo.callbacks import Training

NAME = "ganzoo"
EVALUATIONS = 10
"""Scores in a trial, by default."""

STARTUP = 5
"""Trials that are never ended early, as there is nothing to compare them with."""


@dataclass(frozen=True)
class Tuning:
    """What a search found.

    trials: those that were finished, of all processes; pruned: those of them that ended early. value: the best score;
    keys: the values that gave it, and run: the folder of that trial; None if no trial came to its end.
    """

    out: Path
    trials: int
    pruned: int
    score: str
    value: float | None = None
    keys: Mapping[str, Any] = field(default_factory=dict)
    run: Path | None = None


@dataclass(frozen=True)
class Task:
    """What is searched. score: what its name begins with. better: its direction."""

    plan: Plan
    search: list[Dimension]
    score: str
    better: Better
    out: Path

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """What Optuna does with the objective."""
        return "maximize" if self.better == "higher" else "minimize"

    def objective(self, value: float) -> float:
        """What Optuna compares: the score, or its distance from the ideal value."""
        return value if isinstance(self.better, str) else abs(value - self.better)

    def identity(self) -> dict[str, Any]:
        """What all processes and later starts must have in common."""
        return {
            "recipe": f"{self.plan.variant.name}.{self.plan.recipe_name}",
            "keys": hashlib.sha256(json.dumps(to_dict(self.plan.recipe), sort_keys=True).encode()).hexdigest()[:16],
            "search": [str(dimension) for dimension in self.search],
            "score": self.score,
            "every": self.plan.options.eval_every,
        }


def tune(
    variant: str = "dcgan",
    *,
    trials: int = 20,
    search: Sequence[str] = (),
    metric: str | None = None,
    study: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    report: Callable[[str], None] = lambda line: None,
    **options: Any,
) -> Tuning:
    """Search for the values of recipe keys with the best score: `ganzoo.tune("dcgan", trials=20)`.

    trials: in all, of all processes and earlier starts. search: `KEY=LOW..HIGH[:log]` or `KEY=A|B`, by default the
    learning rates. metric: the score during training that decides, at the last step. study: a file that several
    processes may share; by default in `out`, which is runs/tune-VARIANT-DATASET. options: those of `train`.

    Raises GanzooError for unknown keys, values and scores, and if the folder has another search; Stopped after a
    signal.
    """
    require_package()
    task = make_task(variant, search, metric, out, options)
    task.out.mkdir(parents=True, exist_ok=True)
    file = task.out / "study.jsonl" if study is None else typed_path(study)
    found = open_study(task, file, shared=study is not None)
    while count(found) < trials:
        trial = found.ask()
        report(f"[{trial.number + 1}/{trials}] {run_trial(found, trial, task, report)}")
    return summarise(found, task)


def require_package() -> None:
    """Raise GanzooError, with the command to run, unless Optuna is installed."""
    if importlib.util.find_spec("optuna") is None:
        raise GanzooError("ganzoo tune needs a package: pip install 'ganzoo[tune]'.")


def make_task(
    variant: str, search: Sequence[str], metric: str | None, out: str | os.PathLike[str] | None, options: dict[str, Any]
) -> Task:
    """The task of `tune`, checked. Raises GanzooError as `tune` does."""
    plan = planning.plan(variant, **options)
    if plan.epochs is not None:
        raise GanzooError("a search counts in steps: give --steps instead of --epochs.")
    if not plan.options.eval_every:
        every = max(1, plan.recipe.steps // EVALUATIONS)
        plan = dataclasses.replace(plan, options=dataclasses.replace(plan.options, eval_every=every))
    data = plan.recipe.data
    score, better = score_named(metric, registry.datasets().find(data.name).modality)
    name = f"tune-{plan.variant.name}-{data.name}{f'-{data.kind}' if data.kind else ''}"
    folder = typed_path(out) if out is not None else Path("runs") / name
    if folder.exists() and not folder.is_dir():
        raise GanzooError(f"{folder} is a file: choose a folder with --out.")
    return Task(plan, search_space.parse(search, plan.recipe), score, better, folder)


def open_study(task: Task, file: Path, shared: bool) -> Any:
    """The study in a file, a new one or that of an earlier start. Raises GanzooError if it has another task."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        storage = JournalStorage(JournalFileBackend(str(file)))
        # Processes that begin together must not all try the same values first.
        seed = None if shared else mixed_seed("tune", task.plan.recipe.seed) % 2**31
        warmup = task.plan.recipe.steps // 3
        study = optuna.create_study(
            storage=storage,
            study_name=NAME,
            direction=task.direction,
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP, constant_liar=True),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=warmup),
        )
        known = study.user_attrs.get("task")
        if known is None:
            study.set_user_attr("task", task.identity())
    except OSError as error:
        raise GanzooError(f"cannot write the study {file}: {error.strerror}.") from error
    except Exception as error:
        # A file of something else fails in any way when it is read.
        raise GanzooError(f"{file} is not a study of ganzoo tune: choose another file or folder.") from error
    if known is not None and known != task.identity():
        names = [name for name, value in task.identity().items() if known.get(name) != value]
        raise GanzooError(f"{file} has a search with other {', '.join(names)}: choose another folder with --out.")
    return study


def count(study: Any) -> int:
    """Trials of a study that are finished or running; those that failed or were interrupted are done again."""
    return sum(trial.state.name in ("COMPLETE", "PRUNED", "RUNNING") for trial in study.get_trials(deepcopy=False))


def run_trial(study: Any, trial: Any, task: Task, report: Callable[[str], None]) -> str:
    """Train a trial's run, and tell the study. Returns a line about it."""
    from optuna.trial import TrialState

    keys = {dimension.key: dimension.suggest(trial) for dimension in task.search}
    shown = describe(keys)
    path = task.out / f"trial-{trial.number:04d}"
    pruning = Pruning(trial, task, path)
    try:
        recipe = config.override(task.plan.recipe, keys)
        options = dataclasses.replace(task.plan.options, out=str(path), scores=False)
        trial.set_user_attr("run", str(path))
        execute(dataclasses.replace(task.plan, recipe=recipe, options=options), callbacks=[pruning])
    except TrainingError as error:
        study.tell(trial, state=TrialState.PRUNED)
        return f"{shown}: did not finish: {printable(str(error))}"
    except (Stopped, GanzooError, KeyboardInterrupt):
        study.tell(trial, state=TrialState.FAIL)
        raise
    if pruning.pruned or pruning.value is None:
        study.tell(trial, state=TrialState.PRUNED)
        why = f"ended at step {pruning.step:,}" if pruning.pruned else f"no value for {task.score}"
        return f"{shown}: {why}{_value(task, pruning.value)}"
    trial.set_user_attr("value", pruning.value)
    study.tell(trial, task.objective(pruning.value))
    return f"{shown}: {task.score} {format_number(pruning.value)}"


class Pruning(Callback):
    """Reports a run's evaluations to its trial, and ends it if others were better at the same step."""

    def __init__(self, trial: Any, task: Task, path: Path) -> None:
        self.trial, self.task, self.path = trial, task, path
        self.every = task.plan.options.eval_every or 1
        self.value: float | None = None
        self.step = 0
        self.pruned = False

    def on_step(self, trainer: Training) -> None:
        if trainer.progress.step % self.every:
            return
        record = (Run.open(self.path).evaluations() or [{"step": 0, "scores": {}}])[-1]
        name = name_in(record["scores"], self.task.score)
        if record["step"] != trainer.progress.step or not name:
            return
        self.step, self.value = record["step"], record["scores"][name]
        self.trial.report(self.task.objective(self.value), self.step)
        if self.step < trainer.progress.steps and self.trial.should_prune():
            self.pruned = trainer.stop_requested = True


def summarise(study: Any, task: Task) -> Tuning:
    """The best trial of a study."""
    states = [trial.state.name for trial in study.get_trials(deepcopy=False)]
    done, pruned = states.count("COMPLETE"), states.count("PRUNED")
    if not done:
        return Tuning(task.out, pruned, pruned, task.score)
    best = study.best_trial
    value, run = best.user_attrs.get("value"), Path(best.user_attrs["run"])
    return Tuning(task.out, done + pruned, pruned, task.score, value, dict(best.params), run)


def describe(keys: Mapping[str, Any]) -> str:
    """Keys with their values, short enough for a line: `g.lr=0.0003 loss=hinge`."""
    return " ".join(f"{k}={value:.4g}" if isinstance(value, float) else f"{k}={value}" for k, value in keys.items())


def _value(task: Task, value: float | None) -> str:
    return "" if value is None else f", {task.score} {format_number(value)}"
