"""What ends a training from outside its mathematics, each in one line: memory, the disk; and what is kept then."""

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
from ganzoo.machine.ranks import LOST_RANK, stops_all_ranks
from ganzoo.machine.signals import Interrupted
from ganzoo.recipes import Recipe
from ganzoo.runs.run import Run
from ganzoo.training.nonfinite import ADVICE, NonFinite

MEMORY = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|not enough memory|Unable to allocate|bad_alloc",
    re.IGNORECASE,
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is used up: a device's, or the machine's."""
    # torch.OutOfMemoryError is a RuntimeError with such a text; the CPU's allocator raises a plain one.
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and bool(MEMORY.search(str(error))))


@contextmanager
def memory_for(doing: str, recipe: Recipe) -> Iterator[None]:
    """Turn an error about memory while `doing` something into a TrainingError that says what to lower."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        tries = smaller(recipe, data_only=doing == "reading the data")
        raise TrainingError(f"out of memory while {doing}: try {' or '.join(tries)}.") from error


def smaller(recipe: Recipe, data_only: bool = False) -> list[str]:
    """What to type for less memory, the gentlest first: settings that the recipe has, at half of what they are."""
    tries = []
    if not data_only:
        if recipe.batch >= 4 * recipe.accumulate and recipe.batch % (2 * recipe.accumulate) == 0:
            tries.append(f"--set accumulate={2 * recipe.accumulate} (the same batch in smaller parts)")
        if recipe.batch >= 2 * recipe.accumulate:
            tries.append(f"--set batch={recipe.batch // 2 // recipe.accumulate * recipe.accumulate}")
        tries += [
            f"--set {field.name}={value // 2}"
            for field in dataclasses.fields(recipe)
            if "width" in field.name and isinstance(value := getattr(recipe, field.name), int) and value > 1
        ]
    size = recipe.data.size
    tries.append(f"--set data.size={size // 2}" if size and size > 1 else "smaller images (--set data.size=...)")
    return tries


@contextmanager
def explained(run: Run, recipe: Recipe, first: bool = True) -> Iterator[None]:
    """Turn what ends a training of `run` into a TrainingError that says what is kept and how to go on.

    first: whether this is the rank that reports what all ranks stop for.
    """
    try:
        with memory_for("training", recipe):
            yield
    except Interrupted as stop:
        stop.args = (f"{stop} at once. {kept(run)}; go on with `ganzoo resume {run.path}`",)
        raise
    except NonFinite as error:
        if not first:
            raise stops_all_ranks(OtherRankFailed("another rank has failed.")) from error
        onward = f"to go on without such updates, `ganzoo resume {run.path} --on-nonfinite skip`"
        raise NonFinite(f"{error} {kept(run)}; {onward}, or {ADVICE}.") from error
    except RuntimeError as error:
        if not LOST_RANK.search(str(error)):
            raise
        raise TrainingError(f"another rank has ended. {kept(run)}; go on with `ganzoo resume {run.path}`.") from error
    except OSError as error:
        if error.errno not in REASONS or (error.errno == errno.ENOENT and not _inside(error, run)):
            raise
        what = error.filename or f"a file in {run.path}"
        raise TrainingError(
            f"cannot write {what}: {reason(error)}. {kept(run)}; when that is mended, `ganzoo resume {run.path}`."
        ) from error


def kept(run: Run) -> str:
    """Which checkpoint there is to go on from, without the full stop."""
    for step, path in reversed(checkpoint.found(run.checkpoints).items()):
        try:
            checkpoint.verify(path)
        except GanzooError:
            continue
        return f"The checkpoint of step {step} is whole"
    return "Nothing was saved yet"


def _inside(error: OSError, run: Run) -> bool:
    return bool(error.filename) and Path(str(error.filename)).is_relative_to(run.path)
