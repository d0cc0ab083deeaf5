"""How a run came about: its recipe at an earlier step, and the commands that repeat it."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from itertools import groupby, pairwise
from typing import Any

from ganzoo.api import planning
from ganzoo.errors import GanzooError, printable
from ganzoo.recipes import Optimiser, Recipe, flat, to_dict
from ganzoo.runs import initial
from ganzoo.runs.changes import Change, assignments, differing_keys
from ganzoo.runs.reading import read_recipe
from ganzoo.runs.run import Run
from ganzoo.specs import Variant
from ganzoo.zoo import config, registry


def first_recipe(run: Run) -> Recipe:
    """The recipe of a run at step 0, before any change. Schedules are those of now."""
    keys = flat(to_dict(run.recipe))
    for change in reversed(run.info.get("changes", [])):
        if "from" in change:
            keys[change["key"]] = change["from"]
        else:
            keys.pop(change["key"], None)
    return read_recipe(run.variant, run.info | {"recipe": _nested(keys, run.recipe)}, run.path)


def as_of(run: Run, state: Mapping[str, Any] | None, step: int) -> tuple[Recipe, dict[str, Any]]:
    """The recipe of a run at a checkpoint's `state` (None: at step 0), and what recipe.json then says of changes."""
    recipe = (
        first_recipe(run)
        if state is None
        else read_recipe(run.variant, run.info | {"recipe": state["recipe"]}, run.checkpoints)
    )
    keys = flat(to_dict(recipe))
    made: list[Change] = run.info.get("changes", [])
    # Of several changes at this very step, those that the checkpoint has were made before it was saved.
    kept = [
        change
        for change in made
        if change["step"] < step or (change["step"] == step and step and keys.get(change["key"]) == change.get("to"))
    ]
    by_hand = [phase for phase in run.info.get("by_hand", []) if phase["step"] < step]
    return recipe, {"changes": kept, "by_hand": by_hand}


def commands(run: Run, step: int) -> list[str]:
    """Command lines that repeat a run up to a step, and comments on what they do not repeat."""
    stretches = _stretches(run, step)
    folder = shlex.quote(str(run.path))
    first = dataclasses.replace(first_recipe(run), steps=stretches[0][0])
    words = train_words(run.variant, run.info["recipe_name"], first)
    words += _initial_words(run) if words else []
    lines = [f"{shlex.join(words)} --out {folder}" if words else "# no command with single keys gives the first recipe"]
    for (_, changes), (end, _) in pairwise(stretches):
        after = {change["key"]: change["to"] for change in changes if "to" in change}
        lines.append(f"ganzoo resume {folder}{assignments([c['key'] for c in changes], after)} --steps {end}")
    by_hand = len(run.info.get("by_hand", []))
    if by_hand:
        lines.append(f"# not repeated: updates that were played by hand ({by_hand})")
    if len(stretches) > 1 and depends_on_length(run.recipe):
        lines.append("# this recipe changes with the fraction of training that is done, which --steps changes too")
    return [printable(line) for line in lines]


def _initial_words(run: Run) -> list[str]:
    """The options that start from the same weights as a run did, as long as they are where they were."""
    init = initial.recorded(run.info)
    if init is None:
        return []
    words = ["--init-from", init.source, *(["--init-players", ",".join(init.players)] if init.players else [])]
    return words + (["--init-raw"] if init.raw else [])


def depends_on_length(recipe: Recipe) -> bool:
    """Whether what a step does depends on how many steps there are in all."""
    players = [value for value in vars(recipe).values() if isinstance(value, Optimiser)]
    return bool(recipe.schedules) or any(player.schedule != "constant" for player in players)


def _stretches(run: Run, step: int) -> list[tuple[int, list[Change]]]:
    """The ends of the stretches of a run that were played without a change, and the changes made there."""
    made = [change for change in run.info.get("changes", []) if change["key"] != "steps"]
    found = [(end, list(changes)) for end, changes in groupby(made, key=lambda change: change["step"])]
    # What was changed before the first step belongs to a run that has none yet.
    return [*found, (max(step, 1), [])]


def train_words(variant: Variant, recipe_name: str, recipe: Recipe) -> list[str]:
    """The words of a command that trains a recipe of a variant; none if no command with single keys gives it."""
    name = recipe_name if recipe_name in variant.recipes else variant.default
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
    kept = own.data if data.name == own.data.name else planning.for_another_data_set(own.data)
    changed = dataclasses.replace(kept, name=data.name, kind=kind or kept.kind)
    return dataclasses.replace(own, data=changed), data.name + (f":{kind}" if kind else "")


def _assigned(key: str, now: Mapping[str, Any]) -> tuple[str, str]:
    """A key and its value as `--set` takes them; what a recipe no longer has is left out as a whole."""
    if key in now:
        return key, "" if now[key] == "" else config.value_text(now[key])
    parts = key.split(".")
    # An entry of a group, such as penalties.r1 with all of its keys; names of schedules have dots.
    return ".".join(parts[:-1] if parts[0] == "schedules" else parts[:2]), "none"


def _nested(keys: Mapping[str, Any], like: Recipe) -> dict[str, Any]:
    """Dotted keys as the nested content of recipe.json; a group that has no keys is empty, and not left out."""
    nested: dict[str, Any] = {}
    for key, value in keys.items():
        *path, name = key.split(".")
        inner = nested
        for part in path:
            inner = inner.setdefault(part, {})
        inner[name] = value
    _fill(nested, like)
    # Their own names have dots.
    return nested | {"schedules": to_dict(like)["schedules"]}


def _fill(nested: dict[str, Any], like: Any) -> None:
    for field in dataclasses.fields(like):
        value = getattr(like, field.name)
        if isinstance(value, Mapping):
            nested.setdefault(field.name, {})
        elif dataclasses.is_dataclass(value):
            _fill(nested.setdefault(field.name, {}), value)
