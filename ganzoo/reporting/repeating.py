"""The command that trains a run's recipe again."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from typing import Any

from ganzoo.api import planning
from ganzoo.errors import GanzooError, printable
from ganzoo.recipes import Data, Recipe, RunOptions, flat, to_dict
from ganzoo.runs import initial
from ganzoo.runs.changes import describe_recorded, differing_keys
from ganzoo.runs.run import Run
from ganzoo.zoo import config, registry

OPTIONS = {"precision": "--precision", "devices": "--devices", "nodes": "--nodes"}
OPTIONS |= {"eval_every": "--eval-every", "early_stop": "--early-stop", "on_nonfinite": "--on-nonfinite"}
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
        words = _words(run)
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


def _words(run: Run) -> list[str]:
    """The command without options; empty if no command with single keys gives the recipe."""
    variant, recipe = run.variant, run.recipe
    name = run.info["recipe_name"] if run.info["recipe_name"] in variant.recipes else variant.default
    base, dataset = _with_data(variant.recipes[name], recipe)
    before, now = flat(to_dict(base)), flat(to_dict(recipe))
    assigned = dict(_assigned(key, now) for key in differing_keys(before, now))
    given: dict[str, Any] = {key: now[key] for key in ("steps", "seed") if key in assigned}
    assigned = {key: value for key, value in assigned.items() if key not in given}
    full = f"{variant.name}.{name}"
    try:
        same = planning.plan(full, dataset=dataset or None, set=assigned, **given).recipe == recipe
    except GanzooError:
        same = False
    if not same:
        return []
    words = ["ganzoo", "train", full, *(["--dataset", dataset] if dataset else [])]
    words += [word for key, value in given.items() for word in (f"--{key}", str(value))]
    return words + [word for key, value in assigned.items() for word in ("--set", f"{key}={value}")]


def _with_data(own: Recipe, recipe: Recipe) -> tuple[Recipe, str]:
    """The variant's own recipe with the data set of another recipe, and the data set as it is typed, if it differs."""
    data = recipe.data
    spec = registry.datasets().get(data.name)
    if data.path or spec is None or (data.name, data.kind) == (own.data.name, own.data.kind):
        return own, ""
    kind = data.kind if spec.argument == "kind" else ""
    # As for `--dataset`.
    kept = Data(size=own.data.size, flip=own.data.flip, labels=own.data.labels)
    kept = own.data if data.name == own.data.name else kept
    changed = dataclasses.replace(kept, name=data.name, kind=kind or kept.kind)
    return dataclasses.replace(own, data=changed), data.name + (f":{kind}" if kind else "")


def _assigned(key: str, now: Mapping[str, Any]) -> tuple[str, str]:
    """A key and its value as `--set` takes them; what a recipe no longer has is left out as a whole."""
    if key in now:
        return key, "" if now[key] == "" else config.value_text(now[key])
    parts = key.split(".")
    # An entry of a group, such as penalties.r1 with all of its keys; names of schedules have dots.
    return ".".join(parts[:-1] if parts[0] == "schedules" else parts[:2]), "none"


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
