"""How a run came about: its recipe at an earlier step, and the commands that repeat it."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from itertools import groupby, pairwise
from typing import Any

from ganzoo.errors import printable
from ganzoo.recipes import Optimiser, Recipe, flat, to_dict
from ganzoo.runs.changes import Change, assignments, differing_keys
from ganzoo.runs.reading import read_recipe
from ganzoo.runs.run import Run

DATA_KEYS = ("data.name", "data.kind", "data.path", "data.second_path")
"""Keys that `--dataset` sets."""


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
    first, own = first_recipe(run), run.variant.recipes[run.info["recipe_name"]]
    before, now = flat(to_dict(own)), flat(to_dict(first))
    keys = [key for key in differing_keys(before, now) if key not in (*DATA_KEYS, "steps", "seed")]
    stretches = _stretches(run, step)
    folder = shlex.quote(str(run.path))
    line = f"ganzoo train {run.info['variant']}.{run.info['recipe_name']}{_dataset(own, first)}{assignments(keys, now)}"
    lines = [f"{line} --seed {first.seed} --steps {stretches[0][0]} --out {folder}"]
    for (_, changes), (end, _) in pairwise(stretches):
        after = {change["key"]: change["to"] for change in changes if "to" in change}
        lines.append(f"ganzoo resume {folder}{assignments([c['key'] for c in changes], after)} --steps {end}")
    by_hand = len(run.info.get("by_hand", []))
    if by_hand:
        lines.append(f"# {by_hand} updates that were played by hand are not repeated")
    if len(stretches) > 1 and depends_on_length(run.recipe):
        lines.append("# this recipe changes with the fraction of training that is done, which --steps changes too")
    return [printable(line) for line in lines]


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


def _dataset(own: Recipe, first: Recipe) -> str:
    data, names = first.data, [key.removeprefix("data.") for key in DATA_KEYS]
    if all(getattr(own.data, name) == getattr(data, name) for name in names):
        return ""
    parts = [part for part in (data.path, data.second_path) if part] or [data.kind] * bool(data.kind)
    text = parts[0] if data.path and not data.second_path else ":".join([data.name, *parts])
    return f" --dataset {shlex.quote(text)}"


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
