"""Recipes to and from text: JSON and TOML files, `--set key=value`, with typed values and one-line messages.

The only module that uses pydantic, to turn text into typed values."""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ganzoo.errors import GanzooError, printable, unknown
from ganzoo.recipes import Optimiser, Recipe, Schedule, Term, TwoPlayerRecipe, flat, live_keys, value_at, with_value
from ganzoo.specs import Variant
from ganzoo.zoo import registry
from ganzoo.zoo.leftovers import without_leftovers
from ganzoo.zoo.synonyms import key_paths, other_names, same_name

R = TypeVar("R", bound=Recipe)
V = TypeVar("V")

NOTHING = ("none", "null", "")
REGISTERED = {"loss": "losses", "augment": "augmentations"}
"""Keys whose values are names in the registry, which are recorded in the registry's own case."""


@dataclass(frozen=True)
class Key:
    """A recipe key as `ganzoo show` prints it."""

    path: str
    value: Any
    type: str
    help: str


def override(recipe: R, values: Mapping[str, Any]) -> R:
    """The recipe with other values: nested (`{"g": {"lr": 1e-4}}`) or dotted (`{"g.lr": "1e-4"}`), typed or as text.

    A loss or an augmentation that is replaced takes its options with it, and what is left out takes its schedules.
    Raises GanzooError, one line, for an unknown key, a value of the wrong type or out of its bounds.
    """
    before = recipe
    for name, value in values.items():
        recipe = _set(recipe, str(name).split("."), value, str(name))
    return check(without_leftovers(before, recipe))


def make(cls: type[V], values: Mapping[str, Any], what: str) -> V:
    """A dataclass of keys (RunOptions) from typed values: unlike in `override`, text is not parsed.

    A list is accepted as a tuple, and a path as text. what: what messages about an unknown name call a key.
    Raises GanzooError, one line, for an unknown name, a value of the wrong type or out of its bounds.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls)
    made = {}
    for name, value in values.items():
        if name not in fields:
            raise unknown(what, name, fields)
        hint, metadata = hints[name], fields[name].metadata
        if isinstance(value, os.PathLike) and str in _members(hint):
            value = os.fspath(value)
        if not fits(hint, value):
            raise _wrong(hint, metadata, value, name)
        result = tuple(value) if isinstance(value, list) else value
        made[name] = _allowed(hint, metadata, result, value, name)
    return cls(**made)


def check(recipe: R) -> R:
    """Raise GanzooError if keys contradict each other."""
    for name in ("batch", "g_batch"):
        size = getattr(recipe, name, None)
        if size and size % recipe.accumulate:
            raise GanzooError(
                f"{name}={size} cannot be split into accumulate={recipe.accumulate} equal parts: "
                f"try --set accumulate={math.gcd(size, recipe.accumulate)}."
            )
    for name, part in vars(recipe).items():
        if isinstance(part, Optimiser) and part.schedule_end <= part.schedule_start:
            raise GanzooError(
                f"{name}.schedule_end={part.schedule_end:g} must be above {name}.schedule_start, which is "
                f"{part.schedule_start:g}."
            )
    for name, schedule in recipe.schedules.items():
        _check_schedule(recipe, name, schedule)
    return recipe


def check_choices(variant: Variant, before: Recipe, now: Recipe) -> None:
    """Raise GanzooError if a recipe changes a key that the variant's game does not read, or names an unknown loss.

    The loss and the augmentation that a variant's own recipe names are its own affair.
    """
    for name in variant.fixes:
        if getattr(before, name) != getattr(now, name):
            raise GanzooError(f"{variant.name} has its own {name}, so the key would change nothing: leave {name} out.")
    if isinstance(now, TwoPlayerRecipe) and isinstance(before, TwoPlayerRecipe):
        if now.loss != before.loss:
            registry.losses().find(now.loss)
        if now.augment not in (None, before.augment):
            registry.augmentations().find(now.augment)


def _check_schedule(recipe: Recipe, name: str, schedule: Schedule) -> None:
    """Raise GanzooError for a schedule of a key that has none, or to a value that the key cannot have."""
    live = list(live_keys(recipe))
    if name not in live:
        player, _, key = name.rpartition(".")
        if key == "lr" and player in vars(recipe):
            raise GanzooError(
                f"schedules.{name}: learning rates have keys of their own, for example --set {player}.schedule=cosine "
                f"--set {player}.final_lr=0.1."
            )
        raise unknown("key in schedules", name, live)
    if schedule.to is None:
        raise GanzooError(f"schedules.{name} has no end value: add --set schedules.{name}.to=VALUE.")
    if schedule.end <= schedule.start:
        raise GanzooError(f"schedules.{name}.end={schedule.end:g} must be above its start, {schedule.start:g}.")
    path = name.split(".")
    # A number in a tuple is set with the others.
    whole = path[:-1] if path[-1].isdigit() else path
    value = value_at(with_value(recipe, path, schedule.to), whole)
    _set(recipe, whole, value, name)


def parse_assignments(assignments: Iterable[str]) -> dict[str, str]:
    """`["g.lr=1e-4", ...]` as a dict; GanzooError for an assignment without a name or an equals sign."""
    values: dict[str, str] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise GanzooError(f"--set {text!r}: write it as --set key=value, for example --set g.lr=1e-4.")
        values[name.strip()] = value.strip()
    return values


def keys(recipe: Recipe) -> list[Key]:
    """Every key of a recipe with its value, type and meaning, in the order of definition."""
    return list(_keys(recipe, ""))


def value_text(value: object) -> str:
    """A value as `--set` takes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)):
        return ",".join(str(item) for item in value)
    return "none" if value in (None, "", {}) else str(value)


def _keys(value: Any, prefix: str) -> Iterable[Key]:
    hints = _hints(value.__class__)
    for field in dataclasses.fields(value):
        path, inner = prefix + field.name, getattr(value, field.name)
        if isinstance(value, Term) and inner == {}:
            # Which options there are depends on the penalty: `ganzoo show PENALTY` lists them.
            continue
        if dataclasses.is_dataclass(inner):
            yield from _keys(inner, path + ".")
        elif inner and _item_type(hints[field.name]) in (Term, Schedule):
            for name, term in inner.items():
                yield from _keys(term, f"{path}.{name}.")
        elif inner and _item_type(hints[field.name]) in (float, str):
            type_ = "number" if _item_type(hints[field.name]) is float else "text"
            for name, part in inner.items():
                yield Key(f"{path}.{name}", part, type_, field.metadata.get("help", ""))
        else:
            yield Key(path, inner, _describe(hints[field.name], field.metadata), field.metadata.get("help", ""))


def _set(target: Any, path: list[str], value: Any, full: str) -> Any:
    """A copy of a dataclass with the value at `path` changed."""
    name, rest = path[0], path[1:]
    hints = _hints(target.__class__)
    fields = {field.name: field for field in dataclasses.fields(target)}
    if name not in fields:
        prefix = full[: len(full) - len(".".join(path))]
        meant = [] if prefix else key_paths(full, [key.path for key in keys(target)])
        raise unknown("recipe key", full, [prefix + known for known in fields], meant=meant)
    hint, current = hints[name], getattr(target, name)
    if dataclasses.is_dataclass(current):
        new = _set_nested(current, rest, value, full)
    elif _item_type(hint) is not None:
        new = _set_in_dict(current, _item_type(hint), rest, value, full)
    elif rest:
        parent = full.removesuffix("." + ".".join(rest))
        raise GanzooError(f"{full}: {parent} is a single value and has no key {'.'.join(rest)!r}.")
    else:
        new = _coerce(hint, fields[name].metadata, value, full)
        if name in REGISTERED and isinstance(new, str):
            new = same_name(new, getattr(registry, REGISTERED[name])()) or new
    return dataclasses.replace(target, **{name: new})


def _set_nested(current: Any, rest: list[str], value: Any, full: str) -> Any:
    if rest:
        return _set(current, rest, value, full)
    if isinstance(value, Mapping):
        for inner, item in value.items():
            current = _set(current, str(inner).split("."), item, f"{full}.{inner}")
        return current
    example = dataclasses.fields(current)[0].name
    raise GanzooError(f"{full} is a group of keys: set one of them, for example --set {full}.{example}=...")


def _set_in_dict(current: dict[str, Any], item: Any, rest: list[str], value: Any, full: str) -> dict[str, Any]:
    if item is Schedule:
        return _set_schedules(current, rest, value, full)
    if rest:
        name, deeper = _term_name(rest[0]) if item is Term else rest[0], rest[1:]
        if isinstance(value, str) and value.lower() in NOTHING and not deeper:
            return {known: kept for known, kept in current.items() if known != name}
        return {**current, name: _dict_item(current.get(name), item, name, deeper, value, full)}
    if isinstance(value, str):
        names = [] if value.lower() in NOTHING else [part.strip() for part in value.split(",")]
        if item is not Term and names:
            raise GanzooError(f"{full} is a group of keys: set one of them, for example --set {full}.NAME=...")
        return {name: _new_term(name) for name in map(_term_name, names)}
    if isinstance(value, Mapping):
        return {str(n): _dict_item(None, item, str(n), [], inner, f"{full}.{n}") for n, inner in value.items()}
    raise GanzooError(f"{full}: expected a group of keys, got {value!r}.")


def _set_schedules(current: dict[str, Any], rest: list[str], value: Any, full: str) -> dict[str, Any]:
    """Schedules, whose names have dots: `schedules.g.betas.1.to`, or the same nested."""
    nothing = isinstance(value, str) and value.lower() in NOTHING
    if nothing and rest:
        gone = ".".join(rest)
        return {name: kept for name, kept in current.items() if name != gone}
    if nothing:
        return {}
    if not rest and not isinstance(value, Mapping):
        raise GanzooError(f"{full} is a group of keys: set one of them, for example --set {full}.ema.to=0.9999.")
    made = dict(current) if rest else {}
    for path, part in (
        flat(value, "".join(f"{name}." for name in rest)) if isinstance(value, Mapping) else {".".join(rest): value}
    ).items():
        name, _, key = path.rpartition(".")
        if not name:
            raise GanzooError(f"{full}: write it as --set schedules.KEY.to=VALUE, for example schedules.ema.to=0.9999.")
        made[name] = _set(made.get(name, Schedule()), [key], part, f"schedules.{name}.{key}")
    return made


def _dict_item(current: Any, item: Any, name: str, deeper: list[str], value: Any, full: str) -> Any:
    if item is not Term:
        if deeper:
            raise GanzooError(f"{full}: unknown recipe key.")
        return _coerce(item, {}, value, full)
    term = current or _new_term(name)
    if not deeper and not isinstance(value, Mapping):
        deeper = ["weight"]
    return _set_nested(term, deeper, value, full)


def _term_name(name: str) -> str:
    """The name of a penalty in the registry's own case."""
    return same_name(name, registry.penalties()) or name


def _new_term(name: str) -> Term:
    return Term(weight=registry.penalties().find(name).weight)


def _coerce(hint: Any, metadata: Mapping[str, Any], value: Any, full: str) -> Any:
    """The value converted to the key's type; GanzooError if that fails or it is out of bounds."""
    given = value
    if isinstance(value, str):
        value = value.strip()
        if _optional(hint) and value.lower() in NOTHING:
            return None
        if _is_names(hint) and value.lower() in NOTHING:
            return ()
        if typing.get_origin(hint) is tuple or ("," in value and _tuple_member(hint)):
            value = [part.strip() for part in value.strip("()[]").split(",") if part.strip()]
        elif int in _members(hint) and value.replace("_", "").isdecimal() and len(value) < 100:
            value = int(value.replace("_", ""))
    if isinstance(value, os.PathLike) and str in _members(hint):
        value = os.fspath(value)
    if isinstance(value, bool) and bool not in _members(hint):
        raise _wrong(hint, metadata, given, full)
    try:
        result = _adapter(hint).validate_python(value)
    except ValueError:
        raise _wrong(hint, metadata, given, full) from None
    return _allowed(hint, metadata, result, given, full)


def _wrong(hint: Any, metadata: Mapping[str, Any], given: Any, full: str) -> GanzooError:
    # Some objects, such as arrays, print on several lines.
    shown = " ".join(repr(given).splitlines())
    return GanzooError(printable(f"{full}: expected {_describe(hint, metadata)}, got {shown}."))


def _allowed(hint: Any, metadata: Mapping[str, Any], value: Any, given: Any, full: str) -> Any:
    """A value of the right type; GanzooError if it is out of bounds or not one of the choices."""
    for number in value if isinstance(value, tuple) else [value]:
        if isinstance(number, (int, float)) and not isinstance(number, bool) and not _within(number, metadata):
            raise _wrong(hint, metadata, given, full)
    choices = metadata.get("choices")
    if choices and value not in choices:
        same = same_name(str(value), choices)
        if same is None:
            raise unknown(f"value of {full}", str(value), choices, meant=other_names(str(value), choices))
        return same
    return value


def fits(hint: Any, value: Any) -> bool:
    """Whether a value has a type without conversion, except that a list may stand for a tuple, as in JSON."""
    try:
        _adapter(hint).validate_python(tuple(value) if isinstance(value, list) else value, strict=True)
    except ValueError:
        return False
    return True


def _within(number: float, metadata: Mapping[str, Any]) -> bool:
    lowest, above, highest, below = (metadata.get(name) for name in ("ge", "gt", "le", "lt"))
    return (
        # An integer may be too large for a float.
        (isinstance(number, int) or math.isfinite(number))
        and (lowest is None or number >= lowest)
        and (above is None or number > above)
        and (highest is None or number <= highest)
        and (below is None or number < below)
    )


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)


@functools.cache
def _adapter(hint: Any) -> Any:
    """pydantic's TypeAdapter, which raises a ValueError. Imported late, as `ganzoo show` converts nothing."""
    import pydantic

    return pydantic.TypeAdapter(hint)


def _members(hint: Any) -> tuple[Any, ...]:
    union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    return typing.get_args(hint) if union else (hint,)


def _tuple_member(hint: Any) -> bool:
    return any(typing.get_origin(member) is tuple for member in _members(hint))


def _is_names(hint: Any) -> bool:
    return typing.get_origin(hint) is tuple and typing.get_args(hint)[0] is str


def _optional(hint: Any) -> bool:
    return type(None) in _members(hint)


def _item_type(hint: Any) -> Any:
    return typing.get_args(hint)[1] if typing.get_origin(hint) is dict else None


def _describe(hint: Any, metadata: Mapping[str, Any]) -> str:
    """The values that a key takes, in words: 'a whole number of at least 1'."""
    if metadata.get("choices"):
        return "one of " + ", ".join(metadata["choices"])
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    parts = [words[member] for member in _members(hint) if member in words]
    items = typing.get_args(hint) if typing.get_origin(hint) is tuple else ()
    if items and items[0] is str:
        parts.append("a list of names")
    elif items:
        count = "" if ... in items else f"{len(items)} "
        parts.append(f"{count}{words.get(items[0], 'value').removeprefix('a ')}s")
    elif _item_type(hint) is str:
        parts.append("text by name, or none")
    elif typing.get_origin(hint) is dict:
        parts.append("names separated by commas, or none")
    bounds = {"ge": "of at least", "gt": "above", "le": "of at most", "lt": "below"}
    given = {text: metadata.get(name) for name, text in bounds.items()}
    limits = " and ".join(f"{text} {bound:g}" for text, bound in given.items() if bound is not None)
    if limits:
        parts = [f"{part} {limits}" for part in parts]
    if items and items[0] is not str:
        parts[-1] += ", separated by commas"
    if _optional(hint):
        parts.append("none")
    several = " (or two, separated by a comma)" if not items and _tuple_member(hint) else ""
    return " or ".join(parts) + several
