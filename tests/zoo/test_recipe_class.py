"""`recipe_class` does what `@dataclass(frozen=True, kw_only=True)` does, without methods compiled for each class."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import pytest

from ganzoo.recipes import Optimiser, Recipe, TwoPlayerRecipe, key, recipe_class


@recipe_class
class Small(TwoPlayerRecipe):
    """Some keys."""

    width: int = key(8, "Channels.", minimum=1)
    hidden: tuple[int, ...] = key((), "Layers.")
    extra: dict[str, float] = key({}, "Options.")
    required: int


def plain() -> Any:
    """The same keys, by the standard library."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Small(TwoPlayerRecipe):
        width: int = key(8, "Channels.", minimum=1)
        hidden: tuple[int, ...] = key((), "Layers.")
        extra: dict[str, float] = key({}, "Options.")
        required: int

    Small.__qualname__ = "Small"
    return Small


def test_values_text_and_signature_are_those_of_a_dataclass() -> None:
    given: dict[str, Any] = {"required": 3, "width": 2, "g": Optimiser(lr=1.0)}
    ours, theirs = Small(**given), plain()(**given)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert list(vars(ours)) == list(vars(theirs))
    assert repr(ours) == repr(theirs)
    parameters = inspect.signature(Small).parameters
    assert list(parameters) == list(inspect.signature(plain()).parameters)
    assert parameters["width"].default == 8
    assert parameters["extra"].default == {}
    assert parameters["required"].default is inspect.Parameter.empty


def test_defaults_are_not_shared() -> None:
    assert Small(required=1).extra is not Small(required=1).extra


def test_equality_is_by_values_and_class() -> None:
    assert Small(required=1) == Small(required=1)
    assert Small(required=1) != Small(required=2)
    assert Small(required=1) != plain()(required=1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Small(required=1))


def test_nothing_can_be_assigned_or_deleted() -> None:
    recipe = Small(required=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.width = 3  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del recipe.width
    assert recipe.width == 8


def test_copies() -> None:
    recipe = Small(required=1, hidden=(3, 4))
    assert dataclasses.replace(recipe, width=5) == Small(required=1, hidden=(3, 4), width=5)
    assert pickle.loads(pickle.dumps(recipe)) == copy.deepcopy(recipe) == recipe


def test_what_is_missing_or_unknown_is_named() -> None:
    with pytest.raises(TypeError, match=r"Small\(\) is missing the keyword argument 'required'"):
        Small()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"Small\(\) got an unexpected keyword argument 'widht'"):
        Small(required=1, widht=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Small(1)  # type: ignore[misc]


def test_it_joins_classes_of_both_kinds() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Between(Small):
        more: int = key(1, "More.")

    @recipe_class
    class Last(Between):
        most: int = key(2, "Most.")
        required: int = 7

    assert issubclass(Last, Recipe)
    assert (Between(required=1, more=4).more, Last().more, Last(most=5).most, Last().required) == (4, 1, 5, 7)
    assert Last(more=1) == Last() != Last(more=2)
