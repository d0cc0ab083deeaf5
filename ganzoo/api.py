"""The Python API: plan, train, resume and load. The command line calls nothing else."""

from __future__ import annotations

import dataclasses
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from ganzoo import callbacks, checkpoint, config, plugins, registry
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError, unknown
from ganzoo.game import GAN
from ganzoo.launch import choose_device, launch
from ganzoo.loggers import make_logger
from ganzoo.paths import data_root
from ganzoo.run import Run, next_free, require_new
from ganzoo.specs import Data, DataSpec, Optimiser, Recipe, RunOptions, Variant
from ganzoo.trainer import Trainer

Report = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What is going to be trained, and how: a variant, one whole recipe, and the machine's options."""

    variant: Variant
    recipe_name: str
    recipe: Recipe
    options: RunOptions
    epochs: float | None = None

    @property
    def title(self) -> str:
        """`variant.recipe on data`."""
        kind = f" ({self.recipe.data.kind})" if self.recipe.data.kind else ""
        return f"{self.variant.name}.{self.recipe_name} on {self.recipe.data.name}{kind}"


def plan(
    variant: str = "dcgan",
    *,
    dataset: str | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    seed: int | None = None,
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    set: Mapping[str, Any] | None = None,
    **options: Any,
) -> Plan:
    """Work out what `train` would do. Reads no data and writes nothing; raises GanzooError for anything unknown.

    variant: `NAME` or `NAME.RECIPE`. dataset: a data set's name, `NAME:ARGUMENT`, a folder of images, or a .npz file.
    recipe: a Recipe in place of the variant's, or keys over it: a mapping or a file. set: keys over all that.
    options: fields of RunOptions.
    """
    if steps is not None and epochs is not None:
        raise GanzooError("give either steps or epochs, not both.")
    if epochs is not None and epochs <= 0:
        raise GanzooError(f"epochs must be above 0, not {epochs:g}.")
    data = {} if dataset is None else parse_dataset(dataset)
    found, name, base = registry.find_recipe(variant, data.get("name"))
    if isinstance(recipe, Recipe):
        if not isinstance(recipe, type(base)):
            raise GanzooError(f"{found.name} takes a {type(base).__name__}, not a {type(recipe).__name__}.")
        base = recipe
    elif recipe is not None:
        values = config.read_file(recipe) if isinstance(recipe, (str, Path)) else recipe
        base = config.update(base, values)
    if data and data["name"] != base.data.name:
        base = dataclasses.replace(base, data=Data(size=base.data.size, flip=base.data.flip, labels=base.data.labels))
    base = config.update(base, {f"data.{key}": value for key, value in data.items()})
    given = {"steps": steps, "seed": seed}
    base = config.update(base, {key: value for key, value in given.items() if value is not None})
    base = config.update(base, set or {})
    registry.datasets().find(base.data.name)
    return Plan(found, name, base, make_options(**options), epochs)


def make_options(**options: Any) -> RunOptions:
    """RunOptions from keywords; GanzooError for an unknown one or a value out of range."""
    known = [field.name for field in dataclasses.fields(RunOptions)]
    for name in options:
        if name not in known:
            raise unknown("option", name, known)
    made = RunOptions(**options)
    for name in ("devices", "nodes", "log_every", "sample_every", "save_every", "keep"):
        value = getattr(made, name)
        if value is not None and (not isinstance(value, int) or value < 1):
            raise GanzooError(f"{name} must be a whole number of at least 1, not {value!r}.")
    return made


def parse_dataset(text: str) -> dict[str, str]:
    """The data keys in a data set's name, `NAME:ARGUMENT` (points:grid, folder:photos), a folder, or a .npz file."""
    name, colon, argument = text.partition(":")
    known = registry.datasets()
    if colon and name in known:
        key = known[name].argument
        if not key:
            raise GanzooError(f"data set {name!r} takes nothing after a colon: use --dataset {name}.")
        return {"name": name, key: argument}
    if text not in known and Path(text).is_dir():
        return {"name": "folder", "path": text}
    if text not in known and text.endswith(".npz"):
        return {"name": "npz", "path": text}
    return {"name": known.find(text).name}


def load_data(data: Data, options: RunOptions, split: str = "train") -> Dataset:
    """Read a data set. Raises GanzooError if it cannot be had, saying where it is expected."""
    return registry.datasets().find(data.name).load(data, data_root(options.data_root), split)


def build(plan: Plan, data: DataSpec) -> GAN:
    """The game of a plan, with fresh weights from the recipe's seed.

    Raises GanzooError when the variant cannot take such data.
    """
    variant, recipe = plan.variant, plan.recipe
    if data.modality not in variant.modalities:
        takes = " and ".join(variant.modalities)
        raise GanzooError(f"{variant.name} takes {takes} data, and {data.name} is {data.modality} data.")
    if variant.needs_labels and not data.classes:
        why = "data.labels is off" if not recipe.data.labels else f"{data.name} has none"
        raise GanzooError(f"{variant.name} needs class labels, and {why}: choose labelled data, or an unconditional variant.")
    torch.manual_seed(recipe.seed)
    gan = variant.build(recipe, data)
    for player in gan.players:
        if not isinstance(getattr(recipe, player, None), Optimiser):
            raise GanzooError(f"{variant.name}: the recipe needs an Optimiser named {player!r}, after the player.")
    return gan


def train(
    variant: str = "dcgan",
    *,
    dataset: str | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    seed: int | None = None,
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    set: Mapping[str, Any] | None = None,
    **options: Any,
) -> Run:
    """Train a variant and return its run. The arguments are those of `plan`; all have defaults.

    >>> run = ganzoo.train("dcgan", dataset="digits", steps=500)
    """
    made = plan(variant, dataset=dataset, steps=steps, epochs=epochs, seed=seed, recipe=recipe, set=set, **options)
    return execute(made)


def execute(plan: Plan, report: Report = lambda line: None) -> Run:
    """Train what a plan describes. `report` gets a line at each stage (on the first rank)."""
    options = plan.options
    if options.out is not None:
        require_new(Path(options.out))
    fabric = launch(options)
    dataset = load_data(plan.recipe.data, options)
    plan = with_steps(plan, dataset)
    gan = build(plan, dataset.spec)
    path = Path(options.out) if options.out else next_free(f"{plan.variant.name}-{plan.recipe.data.name}")
    path = Path(fabric.broadcast(str(path)))
    if fabric.is_global_zero:
        report(f"{plan.title} -> {path}")
        report(describe_networks(gan))
        for line in describe_data(dataset):
            report(line)
        run = Run.create(path, plan.variant, plan.recipe_name, plan.recipe, dataset.spec, options)
    fabric.barrier()
    if not fabric.is_global_zero:
        run = Run.open(path)
    play(run, gan, dataset, plan.recipe, options, fabric)
    return run


def resume(path: str | Path, steps: int | None = None, report: Report = lambda line: None, **options: Any) -> Run:
    """Go on with a run from its newest whole checkpoint, to its recipe's last step or to `steps` in all.

    options: fields of RunOptions to change (another device, say). Raises GanzooError if there is nothing left to do.
    """
    run = Run.open(path)
    kept = {name: value for name, value in run.info.get("options", {}).items() if name != "out"}
    kept["loggers"] = tuple(kept.get("loggers", ()))
    made = make_options(**(kept | options))
    recipe = run.recipe if steps is None else config.update(run.recipe, {"steps": steps})
    file, state, problems = checkpoint.newest(run.checkpoints)
    done = state["progress"]["step"]
    if done >= recipe.steps:
        raise GanzooError(f"{path} is at step {done} of {recipe.steps}: to go on, `ganzoo resume {path} --steps {2 * done}`.")
    fabric = launch(made)
    dataset = load_data(recipe.data, made)
    if dataset.spec != run.data:
        raise GanzooError(f"the data set {recipe.data.name!r} is not what {path} was trained on: its shape or classes differ.")
    gan = build(Plan(run.variant, run.info["recipe_name"], recipe, made), dataset.spec)
    if fabric.is_global_zero:
        for problem in problems:
            report(f"{problem} Going back to {file.name}.")
        report(f"{path}: step {done} to {recipe.steps}")
        if steps is not None:
            run.info["recipe"]["steps"] = steps
            run.write_info()
    run = Run.open(path)
    play(run, gan, dataset, recipe, made, fabric, state)
    return run


def load(path: str | Path) -> Run:
    """Open a run folder: `ganzoo.load("runs/dcgan-digits-1").sample(64)`."""
    return Run.open(path)


def play(
    run: Run,
    gan: GAN,
    dataset: Dataset,
    recipe: Recipe,
    options: RunOptions,
    fabric: Fabric,
    state: dict[str, Any] | None = None,
) -> None:
    """Run the trainer with the run's callbacks. Raises Stopped after a signal, with everything saved."""
    used = make_callbacks(run, recipe, options) if fabric.is_global_zero else []
    trainer = Trainer(gan, dataset, recipe, fabric, used, options.log_every)
    if state is not None:
        trainer.load_state(state)
    if options.compile:
        for player in gan.players.values():
            player.compile()
    with stop_on_signals(trainer):
        trainer.fit()


def make_callbacks(run: Run, recipe: Recipe, options: RunOptions) -> list[callbacks.Callback]:
    """The core's callbacks, the optional loggers and the plugins' callbacks, in the order in which they are called."""
    used: list[callbacks.Callback] = [
        callbacks.MetricsLog(run),
        callbacks.Sheets(run, options.sample_every or max(1, recipe.steps // 20)),
        *[make_logger(name, run) for name in options.loggers],
        *plugins.zoo().callbacks(run.variant, recipe, run),
        callbacks.Checkpoints(run.checkpoints, options.save_every or max(1, recipe.steps // 10), options.keep),
    ]
    return [callbacks.ProgressBar(), *used] if options.progress else used


class Stopped(Exception):
    """Training was stopped by a signal; the step under way was finished and saved."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def stop_on_signals(trainer: Trainer) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM finish the step and save; then raise Stopped. A second signal acts at once."""
    # Handlers belong to the main thread; several ranks would stop at different steps, so there a signal acts as ever.
    if threading.current_thread() is not threading.main_thread() or trainer.fabric.world_size > 1:
        yield
        return
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(number: int, frame: Any) -> None:
        received.append(number)
        trainer.stop_requested = True
        restore()

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        restore()
    if received and trainer.progress.step < trainer.progress.steps:
        raise Stopped(received[0])


def with_steps(plan: Plan, dataset: Dataset) -> Plan:
    """The plan with its epochs counted in steps."""
    if plan.epochs is None:
        return plan
    steps = math.ceil(plan.epochs * len(dataset) / plan.recipe.images_per_step())
    return dataclasses.replace(plan, recipe=config.update(plan.recipe, {"steps": steps}), epochs=None)


def describe_networks(gan: GAN) -> str:
    """One line: each player's number of weights."""
    counts = {name: sum(p.numel() for p in player.parameters()) for name, player in gan.players.items()}
    return "networks: " + ", ".join(f"{name} {count:,} weights" for name, count in counts.items())


def describe_data(dataset: Dataset) -> list[str]:
    """What was read, and which files were not."""
    shape = "x".join(str(n) for n in dataset.spec.shape)
    classes = f", {dataset.spec.classes} classes" if dataset.spec.classes else ""
    lines = [f"data: {dataset.count:,} samples of {shape}{classes}"]
    if dataset.skipped:
        shown = ", ".join(dataset.skipped[:5]) + (", ..." if len(dataset.skipped) > 5 else "")
        lines.append(f"skipped {len(dataset.skipped)} files that could not be read: {shown}")
    return lines


def estimate(plan: Plan, dataset: Dataset, steps: int = 6) -> float:
    """Seconds that the whole training would take, from playing a few steps of a copy that is thrown away."""
    fabric = Fabric(accelerator=choose_device(plan.options.device).type, devices=1)
    trainer = Trainer(build(plan, dataset.spec), dataset, plan.recipe, fabric)
    trainer.play_step()
    start = time.perf_counter()
    for _ in range(steps):
        trainer.play_step()
    trainer.read_log()
    return (time.perf_counter() - start) / steps * plan.recipe.steps
