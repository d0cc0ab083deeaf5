"""What commands print: the plan, where the pictures are, the scores, and what to type next."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import click

from ganzoo.api import planning
from ganzoo.api.evaluate import evaluate
from ganzoo.api.execution import Outcome
from ganzoo.api.planning import Plan
from ganzoo.api.resume import stopped_early
from ganzoo.cli.output import say, say_wrapped, warn, wrap
from ganzoo.errors import GanzooError, TrainingError, printable
from ganzoo.evaluation.ideals import describe
from ganzoo.evaluation.scoring import Scores
from ganzoo.exporting.trained_index import trained
from ganzoo.files.atomic import REASONS, reason
from ganzoo.machine.signals import Interrupted, Stopped
from ganzoo.pictures.tables import format_duration, format_mean
from ganzoo.recipes import RunOptions
from ganzoo.runs.run import Run
from ganzoo.zoo import config, provenance, registry
from ganzoo.zoo.config import value_text
from ganzoo.zoo.datasets import load_data


def print_plan(plan: Plan) -> None:
    """The whole recipe, the networks' sizes and the estimated time."""
    dataset = load_data(plan.recipe.data, plan.options)
    plan = planning.with_steps(plan, dataset)
    gan = planning.build(plan, dataset.spec)
    say(plan.title)
    for key in config.keys(plan.recipe):
        say(f"  {key.path} = {value_text(key.value)}")
    for line in planning.describe_data(dataset):
        say_wrapped(line)
    say(planning.describe_networks(gan))
    initial = planning.initialise(plan, gan)
    say(*(initial.lines if initial else []))
    for name, player in gan.players.items():
        for layer, weight in player.named_parameters():
            say(f"  {name}.{layer} {'x'.join(str(n) for n in weight.shape)}")
    seconds = planning.estimate(plan, dataset)
    images = plan.recipe.steps * plan.recipe.images_per_step()
    epochs = f"{images / len(dataset):.1f} epochs"
    say(f"estimated time: {format_duration(seconds)} for {plan.recipe.steps:,} steps ({epochs})")
    say("dry run: nothing was trained or written.")


def open_generator(path: str) -> Run:
    """Open a run, or, where there is nothing of that name, a trained generator that comes with ganzoo."""
    if not os.path.lexists(path):
        known = trained()
        if path in known:
            from ganzoo.exporting.trained import open_trained

            opened = open_trained(path)
            say_wrapped(f"{path} comes with ganzoo: {known[path].summary}")
            return opened
        if path.partition(".")[0] in registry.variants():
            raise GanzooError(
                f"there is no run folder {path}: train one (ganzoo train {path}), or name a trained generator that "
                f"comes with ganzoo: {', '.join(known)}."
            )
    return open_run(path)


def open_run(path: str) -> Run:
    """Open a run, with a warning for each package that is installed in another version than it was made with."""
    run = Run.open(path)
    for line in provenance.differences(run.info):
        warn(line)
    return run


@contextmanager
def exiting_when_stopped() -> Iterator[None]:
    """Exit with a signal's code, after a line that everything is saved and how to resume."""
    try:
        yield
    except Stopped as stop:
        if stop.first:
            saved = "the current step was finished and saved" if stop.step else "before the first step"
            click.secho(printable(f"stopped: {saved}; resume with `ganzoo resume {stop.path}`."), err=True)
        raise SystemExit(128 + stop.number) from None


def after_training(outcome: Outcome, scores: bool | None = None) -> None:
    """Print where the pictures are, the scores, and the next command. The first rank prints; all ranks score.

    scores: whether to score; by default as the run was configured.
    """
    run = outcome.run
    # A callback can stop training before the first step; then there is nothing to score.
    options: dict[str, Any] = {**outcome.ranks, "metrics": run.options().get("metrics")}
    wanted = (run.info["options"].get("scores", True) if scores is None else scores) and outcome.step > 0
    if not outcome.first_rank:
        # All ranks that trained the run score it together.
        if wanted and outcome.ranks:
            evaluate(run, **options)
        return
    records = run.metrics()
    seconds = f" in {format_duration(records[-1]['seconds'])}" if records else ""
    complete = outcome.step >= run.recipe.steps
    early = "" if complete else f" of {run.recipe.steps:,}"
    stopped = "" if complete else stopped_early(run, RunOptions(**run.options()), outcome.step)
    why = "" if complete else f": stopped early, as {stopped}" if stopped else ": a callback requested the stop"
    now = f", {outcome.step - outcome.begun:,} of them now" if outcome.begun else ""
    say(f"trained {outcome.step:,}{early} steps{seconds}{now}{why}")
    names = ("samples.png", "reals.png", "training.gif", "losses.png")
    drawn = [name for name in names if (run.path / name).exists()]
    if drawn:
        say_wrapped(f"pictures in {run.path}: {', '.join(drawn)}")
    hints = run.hints()
    if hints:
        say(f"hints: {', '.join(hint['name'] for hint in hints)}; see {run.path / 'hints.jsonl'}")
    if wanted:
        with printing_log(), reporting_unscored(run):
            print_scores(evaluate(run, report=say, **options))
    target = "--grid more.png" if registry.modality(run.data.modality).has_picture else "--npz more.npz"
    following = [f"ganzoo sample {run.path} -n 100 {target}"] if outcome.step else []
    if stopped:
        following.append(f"ganzoo eval {run.path} --best")
    further = f" --steps {2 * run.recipe.steps}" if complete else " --early-stop none" if stopped else ""
    following.append(f"ganzoo resume {run.path}{further}")
    for number, line in enumerate(following):
        say(f"{'      ' if number else 'next: '}{line}")


@contextmanager
def reporting_unscored(run: Run) -> Iterator[None]:
    """Report that the run is saved if scoring cannot finish: a signal, or a full disk."""
    saved = f"training has finished and is saved; score it with `ganzoo eval {run.path}`"
    try:
        yield
    except Interrupted as stop:
        stop.args = (f"{stop}: {saved}",)
        raise
    except OSError as error:
        if error.errno not in REASONS or not error.filename:
            raise
        raise TrainingError(f"cannot write {error.filename}: {reason(error)}; {saved}.") from error


class Printed(logging.StreamHandler[TextIO]):
    """Lines of the log on a stream. One that cannot be written is an error like that of any other output."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return "\n".join(wrap(line, "  ")) if self.stream.isatty() else line

    def handleError(self, record: logging.LogRecord) -> None:
        raise


@contextmanager
def printing_log(stream: TextIO | None = None, lowest: int = logging.INFO) -> Iterator[None]:
    """Print what the core logs, about slow work and what it could not do, on standard output or another stream."""
    handler = Printed(stream or sys.stdout)
    logger = logging.getLogger("ganzoo")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(lowest)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def print_scores(scores: Scores) -> None:
    """Print each score beside that of as many real held-out samples, which a perfect generator would also get."""
    if scores.scores:
        rows = [
            (
                item.name,
                format_mean(item.value, item.error),
                "" if item.real is None else format_mean(item.real, item.real_error),
                describe(item.better),
            )
            for item in scores.scores
        ]
        header = ("score", "samples", "real data", "")
        widths = [max(len(row[column]) for row in (header, *rows)) for column in range(3)]
        for name, value, real, better in (header, *rows):
            say(f"{name:{widths[0]}}  {value:>{widths[1]}}  {real:>{widths[2]}}  {better}".rstrip())
        if any(item.error is not None for item in scores.scores):
            say("±: one standard error, because of the number of samples")
    for note in scores.notes:
        say_wrapped(f"note: {note}")
