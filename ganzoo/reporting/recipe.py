"""The recipe of a run beside the variant's own recipe, and the keys in which the recipes of several runs differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.recipes import flat, to_dict
from ganzoo.reporting.bounds import first, key_text, text
from ganzoo.runs.changes import differing_keys
from ganzoo.runs.run import Run
from ganzoo.zoo import config

ABSENT = "–"
"""What a table shows for a key that a recipe does not have."""


@dataclass(frozen=True)
class Row:
    """A key of a recipe. own: its value in the variant's own recipe, if that differs; else ""."""

    key: str
    value: str
    own: str
    meaning: str


@dataclass(frozen=True)
class Recipe:
    """The keys of a run's recipe: those that differ from the variant's own recipe, and the others.

    own: the name of that recipe, or "" if it is not known; note: why not.
    """

    own: str
    differing: list[Row] = field(default_factory=list)
    others: list[Row] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Difference:
    """A key in which runs differ, and its value in each."""

    key: str
    values: list[str]


def recipe_of(run: Run) -> Recipe:
    """The recipe of a run beside the variant's own. If it is not the installed variant's, as it is recorded."""
    try:
        variant, recipe = run.variant, run.recipe
    except GanzooError as error:
        recorded = flat(run.info["recipe"])
        rows = [Row(text(key), key_text(value), "", "") for key, value in first(recorded.items())]
        return Recipe("", [], rows, text(error))
    values = flat(to_dict(recipe))
    meanings = {key.path: key.help for key in config.keys(recipe)}
    own = variant.recipes.get(run.info["recipe_name"])
    usual = {} if own is None else flat(to_dict(own))
    differing = set() if own is None else set(differing_keys(usual, values))
    found = Recipe("" if own is None else text(f"{variant.name}.{run.info['recipe_name']}"))
    for key in first(dict.fromkeys([*values, *usual])):
        if key.partition(".")[0] in variant.fixes:
            continue
        shown = [key_text(side[key]) if key in side else ABSENT for side in (values, usual)]
        row = Row(text(key), shown[0], shown[1] if key in differing else "", text(meanings.get(key, "")))
        (found.differing if key in differing else found.others).append(row)
    return found


def keys_of(run: Run) -> dict[str, Any]:
    """The flat recipe of a run, in the types of JSON; as it is recorded, if the variant is not installed."""
    try:
        return flat(to_dict(run.recipe))
    except GanzooError:
        return flat(run.info["recipe"])


def differences(runs: Sequence[Run]) -> list[Difference]:
    """The keys in which the recipes of runs differ; those that all of them have come first."""
    recipes = [keys_of(run) for run in runs]
    reference, *others = recipes
    differing = {key for other in others for key in differing_keys(reference, other)}
    found = [key for recipe in recipes for key in recipe if key in differing]
    found.sort(key=lambda key: not all(key in recipe for recipe in recipes))
    return [
        Difference(text(key), [key_text(recipe[key]) if key in recipe else ABSENT for recipe in recipes])
        for key in first(dict.fromkeys(found))
    ]
