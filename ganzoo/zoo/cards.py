"""Checks the cards that plugins return: every field has its type, every name can be typed, every recipe can be written.

Not with pydantic, which takes longer to import than `ganzoo list` may take: this runs for all cards in every command.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.recipes import Data, Recipe
from ganzoo.specs import (
    ABILITIES,
    AugmentationSpec,
    DatasetSpec,
    LossSpec,
    MetricSpec,
    ModalitySpec,
    Option,
    PenaltySpec,
    Variant,
)
from ganzoo.zoo.boundary import kind_of, shown

TYPES: dict[str, type] = {
    "variants": Variant,
    "losses": LossSpec,
    "penalties": PenaltySpec,
    "augmentations": AugmentationSpec,
    "datasets": DatasetSpec,
    "metrics": MetricSpec,
    "modalities": ModalitySpec,
}
SINGULAR = {
    "variants": "variant",
    "losses": "loss",
    "penalties": "penalty",
    "augmentations": "augmentation",
    "datasets": "data set",
    "metrics": "metric",
    "modalities": "modality",
}
VALID_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
RESERVED = ("none", "null")
"""What `--set` reads as no value."""

DEEPEST = 50
"""Levels of values in a recipe."""

ALWAYS_WRITABLE = (str, bool, type(None))

DIRECTIONS = ("higher", "lower", "")


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, which a float can hold."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value.bit_length() <= 1023
    return isinstance(value, float) and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(map(_is_text, value))


def _is_text_to(inner: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        return isinstance(value, Mapping) and all(_is_text(name) and inner(part) for name, part in value.items())

    return fits


def _is_endings(value: Any) -> bool:
    return _is_texts(value) and all(len(text) > 1 and text.startswith(".") and text == text.lower() for text in value)


def _is_needs(value: Any) -> bool:
    return _is_texts(value) and set(value) <= set(ABILITIES)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_bound(value: Any) -> bool:
    return value is None or is_number(value)


Field = tuple[Callable[[Any], bool], str]
TEXT: Field = (_is_text, "text")
TEXTS: Field = (_is_texts, 'a tuple of text, such as ("image",)')
ENDINGS: Field = (_is_endings, 'a tuple of lower-case file endings, such as (".csv",)')
FLAG: Field = (_is_flag, "True or False")
FUNCTION: Field = (callable, "a function")
NUMBER: Field = (is_number, "a finite number")
BOUND: Field = (_is_bound, "a finite number or None")
OPTIONS: Field = (
    lambda value: isinstance(value, (tuple, list)) and all(isinstance(option, Option) for option in value),
    "a tuple of Option objects",
)

FIELDS: dict[type, dict[str, Field]] = {
    Variant: {
        "summary": TEXT,
        "paper": TEXT,
        "modalities": TEXTS,
        "build": FUNCTION,
        "needs_labels": FLAG,
        "for_data": (_is_text_to(_is_text), "a dict of data sets' names to recipes' names"),
        "compiles": FLAG,
        "bf16": TEXTS,
        "inputs": TEXTS,
        "fixes": TEXTS,
        "ancestor": TEXT,
        "change": TEXT,
        "lesson": TEXT,
        "also_called": TEXTS,
    },
    LossSpec: {
        "summary": TEXT,
        "paper": TEXT,
        "build": FUNCTION,
        "options": OPTIONS,
    },
    PenaltySpec: {
        "summary": TEXT,
        "paper": TEXT,
        "build": FUNCTION,
        "weight": (lambda value: is_number(value) and value >= 0, "a finite number of at least 0"),
        "options": OPTIONS,
    },
    AugmentationSpec: {
        "summary": TEXT,
        "paper": TEXT,
        "modalities": TEXTS,
        "build": FUNCTION,
        "options": OPTIONS,
    },
    DatasetSpec: {
        "summary": TEXT,
        "source": TEXT,
        "modality": TEXT,
        "load": FUNCTION,
        "argument": (
            lambda value: value == "" or (_is_text(value) and isinstance(getattr(Data(), value, None), str)),
            'the name of a text key of Data, such as "path" or "kind", or ""',
        ),
        "kinds": TEXTS,
        "labelled": FLAG,
        "test": FLAG,
        "endings": ENDINGS,
        "folder_endings": ENDINGS,
        "downloads": FLAG,
        "settings": (_is_text_to(_is_text), "a dict of the settings' names to their meanings"),
        "samples": (lambda value: isinstance(value, int) and is_number(value) and value >= 0, "a whole number"),
    },
    MetricSpec: {
        "summary": TEXT,
        "paper": TEXT,
        "modalities": TEXTS,
        "compute": FUNCTION,
        "better": (
            _is_text_to(lambda best: is_number(best) or (_is_text(best) and best in DIRECTIONS)),
            'a dict of names to "higher", "lower" or ""',
        ),
        "default": FLAG,
        "cheap": (lambda value: value is None or callable(value), "a function or None"),
        "split": (lambda value: value in ("", "train", "test"), '"train", "test" or ""'),
        "needs": (_is_needs, f"a tuple of names among {', '.join(ABILITIES)}"),
    },
    ModalitySpec: {"summary": TEXT, "load": FUNCTION},
    Option: {"default": NUMBER, "help": TEXT, "minimum": BOUND, "maximum": BOUND, "below": BOUND},
}
"""What the fields of each card hold, other than its name and the recipes of a variant."""


def check_card(kind: str, spec: Any, source: str) -> None:
    """Raise GanzooError, naming the plugin and the field, unless a card is what its type says.

    Reading a field of a plugin's own class can raise anything: call it within `ganzoo.zoo.boundary.contained`.
    """
    what = SINGULAR[kind]
    if not isinstance(spec, TYPES[kind]):
        raise GanzooError(f"{source}: ganzoo_{kind} must return {TYPES[kind].__name__} objects, not {kind_of(spec)}.")
    card: Any = spec
    name = card.name
    if not is_name(name):
        line = f"{what} name {shown(name)} must be lower-case letters, digits and single hyphens"
        raise GanzooError(f"{source}: {line}{f', and not {name}' if name in RESERVED else ''}.")
    check_fields(spec, FIELDS[TYPES[kind]], f"the {what} {name!r}", source)
    if isinstance(spec, Variant):
        check_recipes(spec, source)
    if isinstance(spec, (LossSpec, PenaltySpec, AugmentationSpec)):
        check_options(spec, f"the {what} {name!r}", source)


def is_name(name: Any) -> bool:
    """Whether a name can be typed wherever names are."""
    return isinstance(name, str) and bool(VALID_NAME.fullmatch(name)) and name not in RESERVED


def check_fields(spec: Any, fields: Mapping[str, Field], what: str, source: str) -> None:
    """Raise GanzooError, naming the field, unless the fields of a card hold what they should."""
    for field, (fits, wanted) in fields.items():
        value = getattr(spec, field)
        if not fits(value):
            given = "" if wanted == "a function" else f", not {'None' if value is None else shown(value)[:80]}"
            raise GanzooError(f"{source}: {field} of {what} must be {wanted}{given}.")


def check_options(spec: LossSpec | PenaltySpec | AugmentationSpec, owner: str, source: str) -> None:
    """Raise GanzooError unless the options of a card have names of their own, and defaults within their bounds."""
    names: set[str] = set()
    for option in spec.options:
        if not isinstance(option.name, str) or not option.name.isidentifier():
            raise GanzooError(f"{source}: option name {shown(option.name)} of {owner} must be a name as in Python.")
        if option.name in names:
            raise GanzooError(f"{source}: {owner} has the option {option.name!r} twice.")
        names.add(option.name)
        check_fields(option, FIELDS[Option], f"the option {option.name!r} of {owner}", source)
        if not option.allows(option.default):
            given = f"the default {option.default:g} of the option {option.name!r} of {owner}"
            raise GanzooError(f"{source}: {given} must be a number {option.bounds}.")


def check_recipes(variant: Variant, source: str) -> None:
    """Raise GanzooError unless a variant has recipes and each is a Recipe with a valid name."""
    if not isinstance(variant.recipes, Mapping) or not variant.recipes:
        raise GanzooError(f"{source}: variant {variant.name!r} has no recipes: give it a dict with at least one.")
    for dataset, name in variant.for_data.items():
        if name not in variant.recipes:
            raise GanzooError(f"{source}: {variant.name!r} has no recipe {name!r}, named in for_data for {dataset!r}.")
    for name in variant.bf16:
        if name not in variant.recipes:
            raise GanzooError(f"{source}: {variant.name!r} has no recipe {shown(name)}, named in bf16.")
    for name, recipe in variant.recipes.items():
        owner = f"{source}: recipe {shown(name)} of {variant.name!r}"
        if not isinstance(recipe, Recipe) or not is_name(name):
            raise GanzooError(f"{owner} must be a Recipe with a name like 'digits'.")
        unknown_keys = [key for key in variant.fixes if not hasattr(recipe, key)]
        if unknown_keys:
            raise GanzooError(f"{owner} has no key {shown(unknown_keys[0])}, named in fixes.")
        check_writable(recipe, owner)


def check_writable(recipe: Recipe, owner: str) -> None:
    """Raise GanzooError, naming the key, unless a recipe can be written to JSON, as every run does."""
    for name, value in vars(recipe).items():
        reason = unwritable(value, [recipe])
        if reason:
            advice = "use numbers, text, tuples and dataclasses of these"
            raise GanzooError(f"{owner} cannot be written to JSON: {name} holds {reason}; {advice}.")


def unwritable(value: Any, around: Collection[Any] = ()) -> str:
    """What a value holds that cannot be written to JSON; "" if it can be written. around: what the value is within."""
    # Not json.dumps, which takes ten times as long.
    if isinstance(value, ALWAYS_WRITABLE):
        return ""
    if isinstance(value, (int, float)):
        return "" if is_number(value) else f"{shown(value)[:20]}, which is not a finite number"
    if any(value is outer for outer in around):
        return "itself"
    if len(around) > DEEPEST:
        return f"more than {DEEPEST} levels"
    if isinstance(value, dict):
        parts: Collection[Any] = value.values()
        wrong = next((name for name in value if not isinstance(name, str)), "")
        if wrong != "":
            return f"a dict with the key {shown(wrong)[:80]}"
    elif isinstance(value, (tuple, list)):
        parts = value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [getattr(value, field.name) for field in dataclasses.fields(value)]
    else:
        return f"a {kind_of(value)}"
    around = [*around, value]
    checked = (unwritable(part, around) for part in parts if type(part) not in ALWAYS_WRITABLE)
    return next(filter(None, checked), "")
