"""Changes to a recipe between stop and resume: refused unless given to `resume`, and then recorded in recipe.json.

A checkpoint contains the recipe that it was trained with, so manual edits of recipe.json are detected.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError, printable
from ganzoo.files.records import Stepped, has_form, read_json
from ganzoo.game import GAN
from ganzoo.recipes import Recipe, flat, to_dict
from ganzoo.runs.reading import Change as Recorded
from ganzoo.runs.reading import read_recipe
from ganzoo.runs.run import Run
from ganzoo.training import restoring
from ganzoo.zoo import config

SHOWN = 3

Change = dict[str, Any]
"""`{"step": 500, "key": "g.lr", "from": 1e-3, "to": 1e-4}`; without "from" a key was added, without "to" removed."""


def changed_recipe(run: Run, state: Mapping[str, Any] | None, values: Mapping[str, Any]) -> tuple[Recipe, list[Change]]:
    """The recipe to resume with from a checkpoint's `state` (None: from step 0), and the changes that this makes.

    values: the recipe keys given to `resume`. Raises GanzooError if recipe.json differs from the checkpoint's recipe in
    a key that was not given, and for unknown keys and values.
    """
    wanted = config.override(run.recipe, values)
    config.check_choices(run.variant, run.recipe, wanted)
    step = 0 if state is None else steps_done(run, state)
    before = _trained_keys(run, state, step)
    now = flat(to_dict(run.recipe))
    edited = [key for key in differing_keys(before, now) if not _is_given(key, values)]
    if edited:
        raise GanzooError(
            f"{run.path / 'recipe.json'} is not the recipe that was trained: {describe(edited, before, now)}; "
            f"change it back, or run `ganzoo resume {run.path} {_set_options(edited, now)}` to change it from here on."
        )
    after = flat(to_dict(wanted))
    changes = []
    for key in differing_keys(before, after):
        change: Change = {"step": step, "key": key}
        change |= {"from": before[key]} if key in before else {}
        change |= {"to": after[key]} if key in after else {}
        changes.append(change)
    return wanted, changes


def record(run: Run, recipe: Recipe, changes: list[Change]) -> None:
    """Write changes, and the recipe with them, into recipe.json; nothing if there are none."""
    if changes:
        run.info["recipe"] = to_dict(recipe)
        run.info["changes"] = [*_recorded_changes(run), *changes]
        run.write_info()


def steps_done(run: Run, state: Mapping[str, Any]) -> int:
    """How many steps were done at a checkpoint's `state`; GanzooError if it is not a training state."""
    try:
        return restoring.steps_done(state)
    except ValueError as error:
        raise GanzooError(f"the newest checkpoint in {run.checkpoints} is not one of a training run.") from error


def check_fit(
    gan: GAN, state: Mapping[str, Any] | None, file: Path, run: Run, recipe: Recipe, changes: list[Change]
) -> None:
    """Raise GanzooError unless the weights in a checkpoint fit the game, and its optimisers the recipe."""
    keys = [change["key"] for change in changes if change["key"] != "steps"]
    for change in changes:
        key = change["key"]
        player, _, name = key.rpartition(".")
        # An optimiser with other moments, or a momentum buffer that does not exist yet.
        other = name == "name" or (name == "momentum" and 0 in (change["from"], change["to"]))
        if player in gan.players and other:
            raise GanzooError(
                f"{key} cannot change in a run: the optimiser's state would not fit; {_advise_new_run(run)}."
            )
    try:
        if state is not None:
            restoring.load_weights(gan, state)
    except ValueError as error:
        if keys:
            what = " or ".join(keys[:SHOWN]) + (" or others" if len(keys) > SHOWN else "")
            advice = _advise_new_run(run)
            raise GanzooError(
                f"{what} cannot change in a run: the weights in {file} would not fit the networks; {advice}."
            ) from error
        raise GanzooError(f"{file} does not fit the networks of {run.info['variant']!r} as installed here.") from error
    try:
        if state is not None:
            restoring.check(state, gan, recipe)
    except ValueError as error:
        raise GanzooError(
            f"the newest checkpoint in {run.checkpoints} does not fit the optimisers of {run.path / 'recipe.json'} "
            f"({printable(str(error))})."
        ) from error


def describe_recorded(file: Path) -> str:
    """What was changed on the way in the run that a recipe file describes, in words; "" if nothing, or if it is no run.

    file: a run folder, a recipe.json, or any other recipe file.
    """
    info = read_json(file / "recipe.json" if file.is_dir() else file, dict[str, Any]) or {}
    parts = []
    if has_form(info.get("changes", []), list[Recorded]):
        for change in info.get("changes", []):
            before, after = (printable(str(change.get(side, "nothing"))) for side in ("from", "to"))
            parts.append(f"{printable(change['key'])} from {before} to {after} at step {change['step']}")
    if has_form(info.get("data_changes", []), list[Stepped]):
        parts += [f"the data at step {change['step']}" for change in info.get("data_changes", [])]
    more = f"; and {len(parts) - SHOWN} more" if len(parts) > SHOWN else ""
    return "; ".join(parts[:SHOWN]) + more


def differing_keys(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """The keys in which two flat recipes differ, in order of definition."""
    missing = object()
    return [key for key in dict.fromkeys([*a, *b]) if a.get(key, missing) != b.get(key, missing)]


def describe(keys: list[str], before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """`g.lr: 0.001 in the checkpoint, 0.01 in recipe.json`, for the first few keys."""
    parts = [
        f"{key}: {before.get(key, 'nothing')} in the checkpoint, {now.get(key, 'nothing')} in recipe.json"
        for key in keys[:SHOWN]
    ]
    more = f"; and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return printable("; ".join(parts) + more)


def _trained_keys(run: Run, state: Mapping[str, Any] | None, step: int) -> dict[str, Any]:
    """The flat recipe that a checkpoint was trained with, updated with the recorded changes since then."""
    recipe = None if state is None else state.get("recipe")
    if not isinstance(recipe, dict):
        return flat(to_dict(run.recipe))
    trained = read_recipe(run.variant, run.info | {"recipe": recipe}, run.checkpoints)
    keys = flat(to_dict(trained))
    for change in _recorded_changes(run):
        if change["step"] >= step:
            if "to" in change:
                keys[change["key"]] = change["to"]
            else:
                keys.pop(change["key"], None)
    return keys


def _recorded_changes(run: Run) -> list[Change]:
    found: list[Change] = run.info.get("changes", [])
    return found


def _is_given(key: str, values: Iterable[str]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in values)


def _set_options(keys: list[str], now: Mapping[str, Any]) -> str:
    """Command-line options that set the keys to their values in recipe.json, quoted for a shell."""
    return "--set KEY=VALUE ..." if len(keys) > SHOWN else printable(assignments(keys, now).strip())


def assignments(keys: Iterable[str], now: Mapping[str, Any]) -> str:
    """` --set KEY=VALUE` for each of these keys, with their values in a flat recipe, quoted for a shell."""
    parts = []
    for key in keys:
        if key in now:
            value = now[key]
            text = ",".join(str(item) for item in value) if isinstance(value, list) else value
            assignment = f"{key}={'none' if text is None else text}"
            parts.append(f" --set {shlex.quote(assignment)}")
        else:
            # Only an entry of a group can be missing, such as penalties.r1 with all of its keys.
            parts.append(f" --set {shlex.quote('.'.join(key.split('.')[:2]) + '=none')}")
    return "".join(dict.fromkeys(parts))


def _advise_new_run(run: Run) -> str:
    return f"start over with `ganzoo train {run.info['variant']} --recipe {run.path} --set ...`"
