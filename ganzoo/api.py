"""The Python API: train, resume, load, evaluate. The command line calls nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from ganzoo import callbacks, checkpoint, cluster, plugins, provenance, registry, restart, trust
from ganzoo.capture import make_recorder
from ganzoo.changes import changed_recipe, check_fit, record, steps_done
from ganzoo.data.dataset import Dataset
from ganzoo.diagnosis import Diagnosis, looks_every, noting
from ganzoo.errors import GanzooError
from ganzoo.evaluation import records, targets
from ganzoo.evaluation.during import Evaluations
from ganzoo.evaluation.neighbours import draw_neighbours
from ganzoo.evaluation.samples import Samples
from ganzoo.evaluation.scoring import Scores, score, score_together
from ganzoo.evaluation.team import assembled
from ganzoo.failures import explained, is_out_of_memory, memory_for
from ganzoo.files import reason, remove_partial
from ganzoo.game import GAN
from ganzoo.launch import is_first_rank, launched, on_first_rank, together
from ganzoo.lock import Lock, held
from ganzoo.loggers import check_logger, make_logger
from ganzoo.planning import (
    Plan,
    build,
    describe_data,
    describe_networks,
    load_data,
    make_options,
    plan,
    with_steps,
    write_skipped,
)
from ganzoo.run import Run, next_free, require_new
from ganzoo.signals import stop_on_signals
from ganzoo.specs import DataSpec, Recipe, RunOptions
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
    """Train what a plan describes. `report` gets a line at each stage (on the first rank).

    In a job that torchrun or SLURM has started again, go on with the run that it began.
    """
    options = cluster.fitted(plan.options)
    plan = dataclasses.replace(plan, options=options)
    name = f"{plan.variant.name}-{plan.recipe.data.name}"
    if options.out is not None and not cluster.restarted():
        require_new(Path(options.out))
    with launched(options) as fabric:
        begun = fabric.broadcast(on_first_rank(fabric, lambda: restart.begun(plan, name)))
        if begun is not None:
            return resume(begun, report=report, **restart.options_of(plan))
        dataset = load_first(fabric, plan.recipe, options)
        plan = with_steps(plan, dataset)
        gan = together(fabric, lambda: build_within_memory(plan, dataset.spec))
        with ExitStack() as stack:
            lock = on_first_rank(fabric, lambda: claim(options.out, name))
            path = Path(fabric.broadcast(str(lock.folder) if lock else ""))
            if lock:
                stack.callback(lock.release)
                for line in (f"{plan.title} -> {path}", describe_networks(gan), *describe_data(dataset, path)):
                    report(line)
            made = on_first_rank(fabric, lambda: create(path, plan, dataset))
            run = made or Run.open(path)
            play(run, gan, dataset, plan.recipe, options, fabric, lock=lock)
    return run


def resume(
    path: str | Path,
    steps: int | None = None,
    report: Report = lambda line: None,
    *,
    set: Mapping[str, Any] | None = None,
    **options: Any,
) -> Run:
    """Go on with a run from its newest whole checkpoint, to its recipe's last step or to `steps` in all.

    set: recipe keys to change from here on; they are recorded in recipe.json. options: fields of RunOptions to change
    (another device, say); loggers are not kept, they have to be named again. Raises GanzooError if there is nothing
    left to do, and if recipe.json is not the recipe that the checkpoint was trained with. In a job that torchrun or
    SLURM has started again, a run that is finished is returned as it is.
    """
    run = Run.open(path)
    provenance.require(run.path, run.info, ("variants", "losses", "penalties", "datasets"))
    run.typed = options
    made = cluster.fitted(make_options(**run.options), typed=options)
    for logger in made.loggers:
        check_logger(logger)
    typed = dict(set or {}) | ({} if steps is None else {"steps": steps})
    with held(run.path, is_first_rank()) as lock:
        if lock:
            clean(run)
        file, state, problems = last_saved(run)
        recipe, changes = changed_recipe(run, state, typed)
        done = steps_done(run, state) if state else 0
        if done >= recipe.steps and cluster.restarted():
            run.is_main = is_first_rank()
            return run
        if done >= recipe.steps:
            raise GanzooError(
                f"{path} is at step {done} of {recipe.steps}: to go on, `ganzoo resume {path} --steps {2 * done}`."
            )
        with launched(made) as fabric:
            dataset = load_first(fabric, recipe, made)
            if dataset.spec != run.data:
                raise GanzooError(
                    f"the data set {recipe.data.name!r} is not what {path} was trained on: its shape or classes differ."
                )
            changed = Plan(run.variant, run.info["recipe_name"], recipe, made)
            gan = together(fabric, lambda: build_within_memory(changed, dataset.spec))
            together(fabric, lambda: check_fit(gan, state, file or run.checkpoints, run, changes))
            if lock:
                for line in (*problems, f"{path}: step {done} to {recipe.steps}"):
                    report(line)
                for line in trust.loggers_left_out(run.info, made.loggers):
                    report(line)
            on_first_rank(fabric, lambda: record(run, recipe, changes))
            run = Run.open(path)
            run.typed = options
            play(run, gan, dataset, recipe, made, fabric, state, lock)
    return run


def evaluate(
    target: Run | str | Path,
    n: int | None = None,
    report: Report = lambda line: None,
    *,
    against: str | Path | None = None,
    metrics: Iterable[str] | str | None = None,
    features: str = "auto",
    weights: str | Path | None = None,
    best: bool = False,
    neighbours: bool = False,
    seed: int | None = None,
    out: str | Path | None = None,
    **options: Any,
) -> Scores:
    """Score a run, a folder of images or a .npz file of samples. What cannot be scored is a note, not an error.

    against: what to compare with, named as for `train`; by default a run's own data, and needed for files. metrics:
    names, or a string of them with commas; by default all that suit and are quick. n: number of samples; by default
    10,000 of a run, fewer for small data sets, and all of a file. features, weights: see `Samples`. best: the state
    that `eval_every` found best, in place of the last. neighbours: also measure memorisation and draw a run's
    neighbours.png. seed: of a run's samples. options: fields of RunOptions (device, data_root; devices and nodes, by
    default 1, split the work over so many ranks, each of which has to call this and gets the same scores).

    A run's scores join those in its scores.json (`records.keep`), or in scores-best.json with `best`. With `out` they
    are written to that file, which must not exist. Raises GanzooError for what does not fit together.
    """
    request = targets.make_request(metrics, n, features, weights, seed)
    if out is not None:
        records.require_absent(Path(out))
    found = targets.find_target(target)
    if isinstance(found, Run):
        found = found.best() if best else found
        found.typed = found.typed | options
        provenance.require(found.path, found.info, ("variants", "losses", "penalties", "datasets"))
        # It may have been trained on more devices than there are here.
        options = found.options | {"devices": 1, "nodes": 1} | options
    else:
        against = targets.require_reference(found, against, best or neighbours)
    made = make_options(**options)
    with assembled(made) as team:
        say = report if team.leads else lambda line: None
        samples, resized = targets.read(found, request, made, against, say, team)

        def measured() -> Scores:
            scores = measure(samples, request.metrics, neighbours)
            for item in scores.scores:
                item.protocol.update(facts(found) | ({"prepared": resized} if resized else {}))
            if isinstance(found, Run):
                for line in records.keep(found.scores_file, scores, found.step):
                    report(line)
                if neighbours:
                    report(f"wrote {draw_neighbours(samples, found.neighbours_file)}")
            if out is not None:
                records.write_new(Path(out), scores)
            return scores

        return score_together(team, samples, measured)


def measure(samples: Samples, metrics: tuple[str, ...] | None, neighbours: bool) -> Scores:
    """The scores by the named metrics, and that of memorisation for `neighbours`. GanzooError if none can be given."""
    scores = score(samples, registry.metrics().values(), metrics)
    if neighbours and "memorisation" not in (metrics or ()):
        scores = scores.joined(score(samples, registry.metrics().values(), ["memorisation"]))
    if metrics and not scores.scores:
        raise GanzooError(scores.notes[-1])
    return scores


def facts(scored: Run | Path) -> dict[str, Any]:
    """What a score's protocol says of a run; of files, that nobody knows the seed of the samples in them."""
    if not isinstance(scored, Run):
        return {"seed": None}
    return {"step": scored.step, "weights": "ema" if scored.recipe.ema else "raw"}


def load(path: str | Path) -> Run:
    """Open a run folder: `ganzoo.load("runs/dcgan-digits-1").sample(64)`."""
    return Run.open(path)


def load_first(fabric: Fabric, recipe: Recipe, options: RunOptions) -> Dataset:
    """Read a recipe's data set, the first rank before the others: then a download or a decoding happens once."""

    def read() -> Dataset:
        with memory_for("reading the data", recipe):
            return load_data(recipe.data, options)

    first = on_first_rank(fabric, read)
    return together(fabric, lambda: first or read())


def build_within_memory(plan: Plan, data: DataSpec) -> GAN:
    """`build`, with what to lower when memory is used up."""
    with memory_for("building the networks", plan.recipe):
        return build(plan, data)


def create(path: Path, plan: Plan, dataset: Dataset) -> Run:
    """The run of a plan, with its recipe.json in the folder that is claimed for it."""
    run = Run.create(path, plan.variant, plan.recipe_name, plan.recipe, dataset.spec, plan.options)
    write_skipped(dataset, path)
    return run


def claim(out: str | None, name: str) -> Lock:
    """Make the folder of a new run, `out` or the first free one of the name, and hold its lock."""
    while True:
        path = next_free(name) if out is None else Path(out)
        try:
            path.mkdir(parents=True, exist_ok=out is not None)
        except FileExistsError:
            # Another process took the name in between, or it is a file, which the next line says.
            require_new(path)
            continue
        except OSError as error:
            raise GanzooError(f"cannot make {path}: {reason(error)}; choose another folder with --out.") from error
        lock = Lock(path)
        try:
            require_new(path)
        except GanzooError:
            lock.release()
            if out is not None:
                raise
            continue
        return lock


def clean(run: Run) -> None:
    """Remove what a training of the run that was killed while writing has left. Only with its lock."""
    remove_partial(run.path)
    for folder in (run.checkpoints, run.checkpoints / "best"):
        checkpoint.clean(folder)


def last_saved(run: Run) -> tuple[Path | None, dict[str, Any] | None, list[str]]:
    """The newest whole checkpoint of a run, its state, and lines about what is passed over.

    None and None for a run that was stopped before its first checkpoint: it begins anew, which is what it did before.
    Raises GanzooError if there are checkpoints and all of them are damaged.
    """
    if not checkpoint.found(run.checkpoints):
        return None, None, [f"{run.path} was stopped before its first checkpoint: it begins at step 0."]
    file, state, problems = checkpoint.newest(run.checkpoints)
    return file, state, [f"{problem} Going back to {file.name}." for problem in problems]


def play(
    run: Run,
    gan: GAN,
    dataset: Dataset,
    recipe: Recipe,
    options: RunOptions,
    fabric: Fabric,
    state: dict[str, Any] | None = None,
    lock: Lock | None = None,
) -> None:
    """Run the trainer with the run's callbacks.

    Raises Stopped after a signal, with everything saved, and TrainingError for what ends the training before its time.
    """

    def prepare() -> Trainer:
        if fabric.is_global_zero:
            used = make_callbacks(run, recipe, options, lock)
        else:
            used = [Evaluations(run, options)] if options.eval_every else []
        trainer = Trainer(
            gan,
            dataset,
            recipe,
            fabric,
            used,
            options.log_every,
            options.on_nonfinite,
            make_recorder(fabric.device, options.capture),
            sync_batch_norm=options.sync_batch_norm,
        )
        trainer.meetings = [callback for callback in used if isinstance(callback, Evaluations)]
        if state is not None:
            try:
                trainer.load_state(state)
            except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
                if is_out_of_memory(error):
                    raise
                fitting = f"the optimisers of {run.path / 'recipe.json'}"
                raise GanzooError(f"the newest checkpoint in {run.checkpoints} does not fit {fitting}.") from error
        if options.compile:
            for player in gan.players.values():
                player.compile()
        return trainer

    run.is_main = fabric.is_global_zero
    run.trained_on = {"devices": options.devices, "nodes": options.nodes}
    with explained(run, recipe, first=run.is_main):
        trainer = together(fabric, prepare)
        with stop_on_signals(trainer, run.path), noting(trainer.callbacks, trainer):
            trainer.fit()


def make_callbacks(run: Run, recipe: Recipe, options: RunOptions, lock: Lock | None = None) -> list[callbacks.Callback]:
    """The core's callbacks, the optional loggers and the plugins' callbacks, in the order in which they are called."""
    used: list[callbacks.Callback] = [
        *([callbacks.Presence(lock)] if lock else []),
        callbacks.MetricsLog(run),
        callbacks.Sheets(run, options.sample_every or max(1, recipe.steps // 20)),
        *[make_logger(name, run) for name in options.loggers],
        *plugins.zoo().callbacks(run.variant, recipe, run),
        Diagnosis(run, looks_every(recipe.steps)),
        *([Evaluations(run, options, lock)] if options.eval_every else []),
        callbacks.Checkpoints(run.checkpoints, options.save_every or max(1, recipe.steps // 10), options.keep),
    ]
    return [callbacks.ProgressBar(), *used] if options.progress else used
