"""Failures of training in one line each, with what was saved and what to do: memory, disk, ranks, numbers."""

from __future__ import annotations

import dataclasses
import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganzoo.errors import GanzooError, OtherRankFailed, TrainingError
from ganzoo.files import checkpoint
from ganzoo.files.atomic import REASONS, reason
from ganzoo.game import Progress
from ganzoo.machine.ranks import LOST_RANK, stops_all_ranks
from ganzoo.machine.signals import Interrupted
from ganzoo.recipes import Recipe
from ganzoo.runs.run import Run
from ganzoo.training.nonfinite import ADVICE, NonFinite
from ganzoo.zoo.boundary import message

NOTHING = "Nothing was saved yet"

MEMORY = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|not enough memory|Unable to allocate|bad_alloc",
    re.IGNORECASE,
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a device or the machine is out of memory."""
    # torch.OutOfMemoryError is a RuntimeError with such a text; the CPU's allocator raises a plain one.
    if isinstance(error, GanzooError) and error.__cause__ is not None:
        # Raised by a plugin, and named as such.
        return is_out_of_memory(error.__cause__)
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and bool(MEMORY.search(message(error))))


@contextmanager
def explain_out_of_memory(doing: str, recipe: Recipe) -> Iterator[None]:
    """Turn an out-of-memory error while `doing` something into a TrainingError that suggests what to lower."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        suggestions = memory_suggestions(recipe, data_only=doing == "reading the data")
        raise TrainingError(f"out of memory while {doing}: try {' or '.join(suggestions)}.") from error


def memory_suggestions(recipe: Recipe, data_only: bool = False) -> list[str]:
    """Options that lower memory use, the one with the least effect first: the recipe's own settings, halved."""
    suggestions = []
    if not data_only:
        if recipe.batch >= 4 * recipe.accumulate and recipe.batch % (2 * recipe.accumulate) == 0:
            suggestions.append(f"--set accumulate={2 * recipe.accumulate} (the same batch in smaller parts)")
        if recipe.batch >= 2 * recipe.accumulate:
            suggestions.append(f"--set batch={recipe.batch // 2 // recipe.accumulate * recipe.accumulate}")
        suggestions += [
            f"--set {field.name}={value // 2}"
            for field in dataclasses.fields(recipe)
            if "width" in field.name and isinstance(value := getattr(recipe, field.name), int) and value > 1
        ]
    size = recipe.data.size
    halved = [side // 2 for side in (size if isinstance(size, tuple) else (size or 0,))]
    given = ",".join(str(side) for side in halved)
    suggestions.append(f"--set data.size={given}" if min(halved) else "smaller images (--set data.size=...)")
    return suggestions


@contextmanager
def explain_failures(run: Run, recipe: Recipe, first: bool = True) -> Iterator[None]:
    """Turn a failure while training `run` into a TrainingError that says what was saved and how to resume.

    first: whether this rank reports a failure that all ranks share.
    """
    try:
        with explain_out_of_memory("training", recipe):
            yield
    except Interrupted as stop:
        stop.args = (f"{stop} at once. {describe_saved(run)}; resume with `ganzoo resume {run.path}`",)
        raise
    except NonFinite as error:
        if not first:
            raise stops_all_ranks(OtherRankFailed("another rank has failed.")) from error
        skipping = f"to skip such updates, `ganzoo resume {run.path} --on-nonfinite skip`"
        raise NonFinite(f"{error} {describe_saved(run)}; {skipping}, or {ADVICE}.") from error
    except RuntimeError as error:
        if not LOST_RANK.search(str(error)):
            raise
        raise TrainingError(
            f"another rank has ended. {describe_saved(run)}; resume with `ganzoo resume {run.path}`."
        ) from error
    except OSError as error:
        if error.errno not in REASONS or (error.errno == errno.ENOENT and not _inside(error, run)):
            raise
        what = error.filename or f"a file in {run.path}"
        raise TrainingError(
            f"cannot write {what}: {reason(error)}. {describe_saved(run)}; "
            f"once that is fixed, resume with `ganzoo resume {run.path}`."
        ) from error


@contextmanager
def naming_game(run: Run, progress: Progress) -> Iterator[None]:
    """Add to an error of the game, its loss or its penalties in mid-run which game it was, and what was saved.

    The error stays what it is. The state within a step is none to resume from, so the last one is a checkpoint's.
    """
    try:
        yield
    except (TrainingError, OtherRankFailed):
        raise
    except GanzooError as error:
        text = message(error)
        text += "" if text.endswith((".", "!", "?")) else "."
        saved = describe_saved(run)
        resumed = f"; resume with `ganzoo resume {run.path}`" if saved != NOTHING else ""
        where = f"{run.info['variant']!r} failed in step {progress.step + 1}"
        error.args = (f"{where}: {text} {saved}{resumed}.",)
        raise


def describe_saved(run: Run) -> str:
    """Which checkpoint training can resume from, as a sentence without its full stop."""
    for step, path in reversed(checkpoint.found(run.checkpoints).items()):
        try:
            checkpoint.verify(path)
        except GanzooError:
            continue
        return f"The checkpoint of step {step} is intact"
    return NOTHING


def _inside(error: OSError, run: Run) -> bool:
    return bool(error.filename) and Path(str(error.filename)).is_relative_to(run.path)
