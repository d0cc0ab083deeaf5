"""The keys of recipes: `key` declares one, `recipe_class` makes a class of them a frozen dataclass."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, TypeVar, dataclass_transform


def key(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] | None = None,
    live: bool = False,
) -> Any:
    """A recipe key: its default, its meaning, and its allowed values (inclusive or exclusive bounds, or choices).

    A mutable default (a list, a dict, a dataclass) is copied for each recipe. live: whether the game or the trainer
    reads a number anew in every step, so that it may have a schedule.
    """
    bounds = {"ge": minimum, "le": maximum, "gt": above, "lt": below}
    metadata = {"help": help, **bounds, "choices": choices, "live": live}
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    if dataclasses.is_dataclass(default):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def recipe_class(cls: type[T]) -> type[T]:
    """Decorator of a recipe or a part of one: makes it a frozen dataclass that takes its keys as keyword arguments.

    `@dataclass(frozen=True, kw_only=True)` does the same, but compiles methods for every class, which takes most of the
    time of loading a card.
    """
    # Else dataclass() writes one, for which it asks for the signature.
    cls.__doc__ = cls.__doc__ or f"The keys of {cls.__name__}."
    made = dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)(cls)
    for name in ("__init__", "__repr__", "__eq__", "__hash__"):
        setattr(made, name, vars(_Methods)[name])
    setattr(made, "__signature__", _Signature())  # noqa: B010
    return made


class _Methods:
    """Those that a dataclass has, for any keys."""

    def __init__(self, **values: Any) -> None:
        keys = {each.name: each for each in dataclasses.fields(self)}  # type: ignore[arg-type]
        unknown = next((name for name in values if name not in keys), None)
        if unknown is not None:
            raise TypeError(f"{type(self).__name__}() got an unexpected keyword argument {unknown!r}")
        for name, each in keys.items():
            value = values[name] if name in values else _default(each)
            if value is dataclasses.MISSING:
                raise TypeError(f"{type(self).__name__}() is missing the keyword argument {name!r}")
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(self) is type(other) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))


class _Signature:
    """The keyword arguments of such a class, made when `inspect.signature` asks for them."""

    def __get__(self, instance: Any, cls: type) -> Any:
        from inspect import Parameter, Signature

        found = {each: _default(each) for each in dataclasses.fields(cls)}
        return Signature(
            [
                Parameter(
                    each.name,
                    Parameter.KEYWORD_ONLY,
                    default=Parameter.empty if default is dataclasses.MISSING else default,
                    annotation=each.type,
                )
                for each, default in found.items()
            ]
        )


def _default(each: dataclasses.Field[Any]) -> Any:
    """What a key is if it is not given; MISSING if it has to be."""
    return each.default if each.default_factory is dataclasses.MISSING else each.default_factory()
