"""Resume a run from its newest checkpoint."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

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
    check_options,
    make_options,
)
from ganzoo.callbacks import Callback
from ganzoo.errors import GanzooError
from ganzoo.files import checkpoint
from ganzoo.files.atomic import remove_partial
from ganzoo.files.lock import held
from ganzoo.machine import cluster
from ganzoo.machine.launch import launched
from ganzoo.machine.ranks import is_first_rank, on_all_ranks, on_first_rank
from ganzoo.recipes import Recipe, RunOptions
from ganzoo.runs import source, trust
from ganzoo.runs.callbacks.stopping import early_stop
from ganzoo.runs.changes import changed_recipe, check_fit, record, steps_done
from ganzoo.runs.run import Run
from ganzoo.zoo import provenance


def resume(
    path: str | Path,
    steps: int | None = None,
    report: Report = lambda line: None,
    *,
    set: Mapping[str, Any] | None = None,
    data: str | Path | None = None,
    other_data: bool = False,
    from_best: bool = False,
    callbacks: Iterable[Callback] = (),
    **options: Any,
) -> Run:
    """Resume a run from its newest intact checkpoint, to its recipe's last step or to `steps` in all.

    set: recipe keys to change from here on; they are recorded in recipe.json. options: fields of RunOptions to change
    (another device, for example); loggers are not kept and have to be named again. data: where your own files are now,
    if they moved. other_data: continue on other data than before; that is recorded too. from_best: go back to the best
    state that `eval_every` kept; newer checkpoints are set aside, and logs are cut back. callbacks: as for `train`.
    Raises GanzooError if no steps are left, if the run has stopped early and has not been told otherwise, if
    recipe.json is not the recipe that the checkpoint was trained with, and if the data are not the same. In a job that
    torchrun or SLURM has restarted, a finished run is returned as it is.
    """
    more: dict[str, Any] = {"data": data, "other_data": other_data, "from_best": from_best}
    more["callbacks"] = check_callbacks(callbacks)
    return continue_run(path, steps, report, set=set, **more, **options).run


def continue_run(
    path: str | Path,
    steps: int | None = None,
    report: Report = lambda line: None,
    *,
    set: Mapping[str, Any] | None = None,
    data: str | Path | None = None,
    other_data: bool = False,
    from_best: bool = False,
    callbacks: Sequence[Callback] = (),
    **options: Any,
) -> Outcome:
    """`resume`, which also returns the ranks that trained."""
    run = Run.open(path, **options)
    provenance.require(run.path, run.info, provenance.TRAINING)
    made = cluster.with_launched_devices(make_options(**run.options()), typed=options)
    check_options(made, run.data.modality)
    typed = dict(set or {}) | ({} if steps is None else {"steps": steps})
    with held(run.path, is_first_rank()) as lock:
        if lock:
            remove_leftovers(run)
        file, state, problems = newest_state(run.best() if from_best else run)
        recipe, changes = changed_recipe(run, state, typed)
        done = steps_done(run, state) if state else 0
        if lock and not problems and not from_best:
            # A process that was killed right after a save may not have removed the older checkpoints.
            checkpoint.keep_newest(run.checkpoints, done, made.keep)
        if is_finished(run, recipe, made, done) and cluster.restarted():
            return Outcome(run, done, is_first_rank())
        require_unfinished(run, recipe, made, done)
        with launched(made) as fabric:
            own = on_all_ranks(
                fabric, lambda: source.own_data(run, recipe.data, None if data is None else os.fspath(data))
            )
            dataset = load_dataset(fabric, recipe, made, own)
            if dataset.spec != run.data:
                raise GanzooError(
                    f"the data set {recipe.data.name!r} is not what {path} was trained on: its shape or classes differ."
                )
            on_all_ranks(fabric, lambda: source.require_same(run, dataset, own, other=other_data))
            changed = Plan(run.variant, run.info["recipe_name"], recipe, made)
            gan = on_all_ranks(fabric, lambda: build_within_memory(changed, dataset.spec))
            on_all_ranks(fabric, lambda: check_fit(gan, state, file or run.checkpoints, run, recipe, changes))
            if lock:
                for line in (*problems, f"{path}: step {done} to {recipe.steps}"):
                    report(line)
                for line in trust.dropped_loggers(run.info, made.loggers):
                    report(line)
            on_first_rank(fabric, lambda: record(run, recipe, changes))
            if from_best and state is not None:
                on_first_rank(fabric, lambda: go_back(run, state, done, made.keep, report))
            on_first_rank(fabric, lambda: source.record(run, dataset, own, done))
            changed_run = Run.open(path, **options)
            return run_training(changed_run, gan, dataset, recipe, made, fabric, state, lock, callbacks)


def remove_leftovers(run: Run) -> None:
    """Remove the partial files of a process that was killed while writing. Requires the run's lock."""
    remove_partial(run.path)
    for folder in (run.checkpoints, run.checkpoints / "best"):
        checkpoint.clean(folder)


def stopped_early(run: Run, options: RunOptions, done: int) -> str:
    """Why a run at step `done` has been stopped early, in words; "" if it has not."""
    wanted = early_stop(options, run.data.modality)
    return wanted.reason([record for record in run.evaluations() if record["step"] <= done]) if wanted else ""


def is_finished(run: Run, recipe: Recipe, options: RunOptions, done: int) -> bool:
    """Whether a run at step `done` has reached its last step, or has been stopped early."""
    return done >= recipe.steps or bool(stopped_early(run, options, done))


def require_unfinished(run: Run, recipe: Recipe, options: RunOptions, done: int) -> None:
    """Raise GanzooError, which says how to train further, for a run that is finished."""
    path, stopped = run.path, stopped_early(run, options, done)
    if done >= recipe.steps:
        scored = "" if run.scores_file.exists() else f"it has no scores yet, `ganzoo eval {path}`; "
        raise GanzooError(
            f"{path} is at step {done} of {recipe.steps}: {scored}to train further, "
            f"`ganzoo resume {path} --steps {2 * done}`."
        )
    if stopped:
        raise GanzooError(
            f"{path} was stopped early at step {done}, as {stopped}: to train further, `ganzoo resume {path} "
            "--early-stop none`."
        )


def go_back(run: Run, state: dict[str, Any], step: int, keep: int, report: Report) -> None:
    """Make an earlier state the newest checkpoint; those of later steps are set aside in a folder beside them."""
    later = {number: path for number, path in checkpoint.found(run.checkpoints).items() if number > step}
    if later:
        stem = f"after-step-{step:09d}"
        names = (run.checkpoints / (f"{stem}-{number}" if number else stem) for number in itertools.count())
        aside = next(name for name in names if not name.exists())
        aside.mkdir()
        for path in later.values():
            for file in (path, path.with_suffix(".json")):
                file.rename(aside / file.name)
        report(f"going back to step {step}: checkpoints of later steps are now in {aside}")
    training = {name: value for name, value in state.items() if name != "evaluation"}
    checkpoint.save(run.checkpoints, step, training, keep)


def newest_state(run: Run) -> tuple[Path | None, dict[str, Any] | None, list[str]]:
    """The newest intact checkpoint of a run, its state, and lines about damaged ones.

    None and None for a run that was stopped before its first checkpoint, which starts over. Raises GanzooError if all
    checkpoints are damaged.
    """
    if not checkpoint.found(run.checkpoints):
        if "initialised" in run.info:
            raise GanzooError(
                f"{run.path} was stopped before the weights that it starts from were saved: start over with "
                "`ganzoo train ... --init-from ...`."
            )
        return None, None, [f"{run.path} was stopped before its first checkpoint: it starts over at step 0."]
    file, state, problems = checkpoint.newest(run.checkpoints)
    return file, state, [f"{problem} Going back to {file.name}." for problem in problems]
