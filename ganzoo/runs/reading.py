"""Reading recipe.json, the description of a run; the forms of its other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from ganzoo.errors import GanzooError, printable
from ganzoo.files.records import Count, Stepped, has_form, read_json
from ganzoo.recipes import DataSpec, Recipe, flat
from ganzoo.specs import Variant
from ganzoo.zoo import config, provenance
from ganzoo.zoo.recipe_files import with_later_keys

FORMAT = 1
SHOWN = 3

Number = Annotated[float, Field(allow_inf_nan=False)]


class Timed(Stepped):
    """With the seconds of training."""

    seconds: float


LOGGED = (Timed, dict[str, float])
"""The forms of a record of metrics.jsonl."""

Measured = dict[str, float]
"""The form of a record of diagnosis.jsonl."""


class Hinted(Stepped):
    """The form of a record of hints.jsonl."""

    name: str
    hint: str
    values: dict[str, float]


class Evaluated(Stepped):
    """The form of a record of evaluations.jsonl."""

    n: int
    seed: int
    scores: dict[str, Number]
    protocol: dict[str, str]


class Change(BaseModel):
    """A change to the recipe."""

    step: Count
    key: str


class Described(BaseModel):
    """The form of recipe.json. What it says of the recipe, the data and the options is checked where it is used."""

    format: int
    variant: str
    recipe_name: str
    plugin: dict[str, Any]
    recipe: dict[str, Any]
    data: dict[str, Any]


def read_info(file: Path) -> dict[str, Any]:
    """The content of a recipe.json, or of an exported generator's JSON file; GanzooError if it describes no run."""
    info: dict[str, Any] | None = read_json(file, Described)
    if info is None:
        raise GanzooError(f"{file} is damaged: it does not describe a run.")
    if not has_form(info.get("changes", []), list[Change]):
        raise GanzooError(f"{file} is damaged: its changes are not described.")
    if info["format"] != FORMAT:
        raise GanzooError(f"{file} has format {info['format']}; this ganzoo reads format {FORMAT}.")
    return info


def read_data(info: dict[str, Any], file: Path) -> DataSpec:
    """The description of a run's data in `info`, which was read from `file`; GanzooError if it is not complete."""
    try:
        return _data_spec(info["data"])
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError, RecursionError) as error:
        raise GanzooError(f"{file} is damaged: its data are not described.") from error


def _data_spec(given: dict[str, Any]) -> DataSpec:
    shape = tuple(int(n) for n in given["shape"])
    bounds = given.get("range")
    if not shape or min(shape) < 1 or int(given["classes"]) < 0:
        raise ValueError("a shape without values")
    return DataSpec(
        name=str(given["name"]),
        modality=str(given["modality"]),
        shape=shape,
        classes=int(given["classes"]),
        class_names=tuple(str(name) for name in given.get("class_names", ())),
        range=None if bounds is None else (float(bounds[0]), float(bounds[1])),
        inputs={str(name): _data_spec(spec) for name, spec in given.get("inputs", {}).items()},
        note=dict(given.get("note", {})),
    )


def read_recipe(variant: Variant, info: dict[str, Any], path: Path) -> Recipe:
    """The complete recipe in `info`, which was read from `path`, a run folder or an exported generator's file.

    A key that was added since then has its default, or what the run did without it. Raises GanzooError, naming the run,
    the plugin and the keys, for keys or values that the variant, as installed here, does not take: what such a key
    meant for the networks or the game cannot be known, so it is not left out.
    """
    base = variant.recipes.get(info["recipe_name"], variant.recipes[variant.default])
    try:
        return config.override(base, with_later_keys(info["recipe"]))
    except GanzooError as error:
        refused = _refused(base, info["recipe"]) or [str(error)]
        what = "; ".join(text.rstrip(".") for text in refused[:SHOWN])
        more = f"; and {len(refused) - SHOWN} more" if len(refused) > SHOWN else ""
        raise GanzooError(
            printable(f"{path} {provenance.misfit(info)}: {what}{more}; {provenance.remedy(info)}.")
        ) from error


def _refused(base: Recipe, recorded: dict[str, Any]) -> list[str]:
    """What is wrong with each key of a recorded recipe that the variant, as installed here, does not take."""
    found = []
    for key, value in flat(recorded).items():
        try:
            config.override(base, {key: value})
        except GanzooError as error:
            found.append(str(error))
    return found
