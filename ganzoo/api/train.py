"""Train a variant: from a plan to a run folder."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ganzoo.api import restart
from ganzoo.api.execution import (
    Outcome,
    Report,
    build_within_memory,
    check_callbacks,
    load_dataset,
    run_training,
)
from ganzoo.api.planning import (
    Plan,
    advice_on_ranks,
    describe_data,
    describe_networks,
    initialise,
    plan,
    with_steps,
    write_skipped,
)
from ganzoo.api.precision import advice_on_precision, with_precision
from ganzoo.api.resume import continue_run
from ganzoo.callbacks import Callback
from ganzoo.data.dataset import Dataset
from ganzoo.files.typed import typed_path
from ganzoo.machine import cluster
from ganzoo.machine.launch import launched
from ganzoo.machine.ranks import on_all_ranks, on_first_rank
from ganzoo.recipes import Recipe
from ganzoo.runs import source
from ganzoo.runs.folders import claim, require_new
from ganzoo.runs.initial import Initialised
from ganzoo.runs.run import Run


def train(
    variant: str = "dcgan",
    *,
    dataset: str | os.PathLike[str] | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    seed: int | None = None,
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    set: Mapping[str, Any] | None = None,
    init_from: str | os.PathLike[str] | Run | None = None,
    init_players: Sequence[str] | str = (),
    init_raw: bool = False,
    callbacks: Iterable[Callback] = (),
    **options: Any,
) -> Run:
    """Train a variant and return its run. The arguments are those of `plan`, and callbacks; all have defaults.

    callbacks: your own, called on the first rank after those of plugins. One that fails is left out with a warning, and
    training continues without it; a GanzooError that it raises ends training.

    >>> run = ganzoo.train("dcgan", dataset="digits", steps=500)
    """
    own = check_callbacks(callbacks)
    start: dict[str, Any] = {"init_from": init_from, "init_players": init_players, "init_raw": init_raw}
    made = plan(
        variant, dataset=dataset, steps=steps, epochs=epochs, seed=seed, recipe=recipe, set=set, **start, **options
    )
    return execute(made, callbacks=own).run


def execute(plan: Plan, report: Report = lambda line: None, *, callbacks: Sequence[Callback] = ()) -> Outcome:
    """Train what a plan describes. `report` is called with a line at each stage (on the first rank).

    In a job that torchrun or SLURM has restarted, resume the run that it started.
    """
    asked = dataclasses.replace(plan, options=cluster.with_launched_devices(plan.options))
    options = with_precision(asked.options, plan.variant, plan.recipe_name)
    plan = dataclasses.replace(plan, options=options)
    name = plan.run_name
    if options.out is not None and not cluster.restarted():
        require_new(typed_path(options.out))
    with launched(options) as fabric:
        existing = fabric.broadcast(on_first_rank(fabric, lambda: restart.find_run(plan, name)))
        if existing is not None:
            return continue_run(existing, report=report, callbacks=callbacks, **restart.resume_options(asked))
        dataset = load_dataset(fabric, plan.recipe, options)
        plan = with_steps(plan, dataset)
        gan = on_all_ranks(fabric, lambda: build_within_memory(plan, dataset.spec))
        initial = on_all_ranks(fabric, lambda: initialise(plan, gan))
        with ExitStack() as stack:
            lock = on_first_rank(fabric, lambda: claim(options.out, name))
            path = Path(fabric.broadcast(str(lock.folder) if lock else ""))
            if lock:
                stack.callback(lock.release)
                about = (
                    describe_networks(gan),
                    *describe_data(dataset, path),
                    *advice_on_ranks(options, fabric.device.type),
                    *advice_on_precision(asked.options, options),
                )
                for line in (f"{plan.title} -> {path}", *about):
                    report(line)
                for line in initial.lines if initial else []:
                    report(line)
            made = on_first_rank(fabric, lambda: create(path, plan, dataset, initial))
            run = made or Run.open(path)
            return run_training(run, gan, dataset, plan.recipe, options, fabric, lock=lock, callbacks=callbacks)


def load(path: str | Path) -> Run:
    """Open a run folder: `ganzoo.load("runs/dcgan-digits-1").sample(64)`."""
    return Run.open(path)


def create(path: Path, plan: Plan, dataset: Dataset, initial: Initialised | None = None) -> Run:
    """Create the run of a plan: write recipe.json into the folder that was claimed for it."""
    described = source.describe(dataset, plan.recipe.data)
    record = None if initial is None else initial.record
    run = Run.create(path, plan.variant, plan.recipe_name, plan.recipe, dataset.spec, plan.options, described, record)
    write_skipped(dataset, path)
    return run
