"""The command that trains a run's recipe again."""

from __future__ import annotations

import dataclasses
import shlex

from ganzoo.api.replaying import train_words
from ganzoo.errors import GanzooError, printable
from ganzoo.recipes import RunOptions
from ganzoo.runs import initial
from ganzoo.runs.changes import describe_recorded
from ganzoo.runs.run import Run

OPTIONS = {"precision": "--precision", "devices": "--devices", "nodes": "--nodes"}
OPTIONS |= {"eval_every": "--eval-every", "early_stop": "--early-stop", "on_nonfinite": "--on-nonfinite"}
OPTIONS |= {"metrics": "--metrics"}
"""Run options that the command repeats if they are not the usual ones."""

LONGEST = 4_000


@dataclasses.dataclass(frozen=True)
class Repeat:
    """A command, or "" if there is none; note: what has to be known about it."""

    command: str
    note: str = ""


def repeat(run: Run) -> Repeat:
    """The command that trains the recipe of a run again; it is checked that it gives this recipe."""
    try:
        words = train_words(run.variant, run.info["recipe_name"], run.recipe)
    except GanzooError as error:
        return Repeat("", str(error))
    note = ""
    if not words:
        words, note = ["ganzoo", "train", run.variant.name, "--recipe", str(run.path)], "It reads the run folder. "
    command = shlex.join([*words, *_options(run)])
    if command != printable(command) or len(command) > LONGEST:
        return Repeat("")
    started = initial.describe_recorded(run.path)
    if started:
        note += f"The run started from the weights of {started}, which --init-from repeats. "
    changed = describe_recorded(run.path)
    if changed:
        note += f"The run was changed on the way ({changed}); the command uses its last recipe from the first step."
    return Repeat(command, note.strip())


def _options(run: Run) -> list[str]:
    try:
        recorded = run.options()
    except GanzooError:
        return []
    usual = dataclasses.asdict(RunOptions())
    words: list[str] = []
    for name, flag in OPTIONS.items():
        if name in recorded and recorded[name] != usual[name]:
            words += [flag, str(recorded[name])]
    return [*words, *(["--sync-batch-norm"] if recorded.get("sync_batch_norm") is True else [])]
