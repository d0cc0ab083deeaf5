"""The Python API: train, resume, load, evaluate. The command line calls nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from ganzoo import callbacks, checkpoint, config, plugins, provenance, registry
from ganzoo.data.dataset import Dataset, to_uint8
from ganzoo.errors import GanzooError
from ganzoo.evaluation.samples import Samples, default_samples
from ganzoo.evaluation.scoring import Scores, score
from ganzoo.game import GAN
from ganzoo.launch import choose_device, launch
from ganzoo.loggers import check_logger, make_logger
from ganzoo.paths import data_root
from ganzoo.planning import Plan, build, describe_data, describe_networks, load_data, make_options, plan, with_steps
from ganzoo.run import Run, next_free, require_new
from ganzoo.signals import stop_on_signals
from ganzoo.specs import Data, Recipe, RunOptions
from ganzoo.trainer import Trainer

Report = Callable[[str], None]


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
    dataset = load_first(fabric, plan.recipe.data, options)
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
    provenance.require(run.path, run.info, ("variants", "losses", "penalties", "datasets"))
    made = make_options(**(_kept(run) | options))
    for logger in made.loggers:
        check_logger(logger)
    recipe = run.recipe if steps is None else config.update(run.recipe, {"steps": steps})
    file, state, problems = checkpoint.newest(run.checkpoints)
    done = state["progress"]["step"]
    if done >= recipe.steps:
        raise GanzooError(
            f"{path} is at step {done} of {recipe.steps}: to go on, `ganzoo resume {path} --steps {2 * done}`."
        )
    fabric = launch(made)
    dataset = load_first(fabric, recipe.data, made)
    if dataset.spec != run.data:
        raise GanzooError(
            f"the data set {recipe.data.name!r} is not what {path} was trained on: its shape or classes differ."
        )
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


def evaluate(run: Run, n: int | None = None, report: Report = lambda line: None) -> Scores:
    """Score samples of a run against its data set, and write its scores.json.

    n: number of samples; by default 10,000, fewer for small data sets. What cannot be scored is a note, not an error.
    """
    provenance.require(run.path, run.info, ("variants", "losses", "penalties", "datasets"))
    options = make_options(**_kept(run))
    # Domain features come from the labels, also where the variant did without them.
    data = dataclasses.replace(run.recipe.data, labels=True)
    names = ("train", "test") if registry.datasets().find(data.name).test else ("train",)
    splits = {name: load_data(data, options, name) for name in names}
    train = splits["train"]
    count = n or default_samples(run.data, train.count, splits["test"].count if "test" in splits else 0)
    report(f"scoring {count:,} samples ...")
    seed = run.recipe.seed + 1
    labels = run.labels(count, None)
    drawn = run.sample(count, labels, seed=seed, device=choose_device(options.device))
    samples = Samples(
        fake=to_uint8(drawn) if run.data.modality == "image" else drawn,
        labels=labels,
        spec=train.spec,
        data=data,
        root=data_root(options.data_root),
        seed=seed,
        load=lambda split: splits[split] if split in splits else load_data(data, options, split),
    )
    scores = score(samples, registry.metrics().values())
    for item in scores.scores:
        item.protocol.update(step=run.step, weights="ema" if run.recipe.ema else "raw")
    scores.write(run.path / "scores.json")
    return scores


def load(path: str | Path) -> Run:
    """Open a run folder: `ganzoo.load("runs/dcgan-digits-1").sample(64)`."""
    return Run.open(path)


def load_first(fabric: Fabric, data: Data, options: RunOptions) -> Dataset:
    """Read a data set, the first rank before the others: then a download or a decoding happens once."""
    if fabric.is_global_zero:
        dataset = load_data(data, options)
    fabric.barrier()
    return dataset if fabric.is_global_zero else load_data(data, options)


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
    run.is_main = fabric.is_global_zero
    with stop_on_signals(trainer, run.path):
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


def _kept(run: Run) -> dict[str, Any]:
    """The machine's options that a run was started with, to go on with."""
    kept = {name: value for name, value in run.info.get("options", {}).items() if name != "out"}
    return kept | {"loggers": tuple(kept.get("loggers", ()))}
