"""Names to specs: one source each, near misses, and which recipe a name selects."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganzoo.errors import GanzooError, unknown
from ganzoo.recipes import Recipe, TwoPlayerRecipe
from ganzoo.specs import LossSpec, Variant
from ganzoo.zoo import registry
from ganzoo.zoo.tables import TYPES, VALID_NAME, SpecTable


def loss(name: str) -> LossSpec:
    return LossSpec(name, "A loss.", "A paper.", build=dict)  # type: ignore[arg-type]


def variant(name: str = "mine", **recipes: object) -> Variant:
    return Variant(name, "A GAN.", "A paper.", ("points",), recipes or {"points": Recipe()}, build=dict)  # type: ignore[arg-type]


def add(table: SpecTable[Any], spec: object, source: str) -> None:
    """Check and add a spec, as the zoo does when a plugin registers it."""
    table.check(spec, source)
    table.add(spec, source)


@pytest.mark.parametrize("kind", TYPES)
def test_every_registered_spec_has_a_summary_and_a_source(kind: str) -> None:
    table = getattr(registry, kind)()
    assert len(table) > 0
    for name, spec in table.items():
        assert VALID_NAME.fullmatch(name)
        assert spec.name == name
        assert spec.summary
        # A kind of data comes from no paper.
        assert kind == "modalities" or getattr(spec, "paper", "") or getattr(spec, "source", "")
        assert table.source(name).startswith("plugin ")


@pytest.mark.parametrize(
    ("kind", "typed", "meant"),
    [
        ("variants", "dcgn", "dcgan"),
        ("losses", "hing", "hinge"),
        ("penalties", "r11", "r1"),
        ("datasets", "digit", "digits"),
        ("metrics", "kidd", "kid"),
    ],
)
def test_a_near_miss_is_suggested(kind: str, typed: str, meant: str) -> None:
    with pytest.raises(GanzooError, match=rf"'{typed}': did you mean .*{meant}.*\(`ganzoo list {kind}`\)"):
        getattr(registry, kind)().find(typed)


def test_a_name_without_near_misses_gets_all_names() -> None:
    assert str(unknown("loss", "zzz", ["b", "a"])) == "unknown loss 'zzz': available: a, b."
    assert str(unknown("loss", "zzz", [])) == "unknown loss 'zzz': none available."


def test_a_name_that_is_taken_is_refused_naming_both_sources() -> None:
    table: SpecTable[LossSpec] = SpecTable("losses")
    add(table, loss("mine"), "plugin 'a'")
    with pytest.raises(GanzooError, match="loss 'mine' of plugin 'b' is already registered by plugin 'a'"):
        add(table, loss("mine"), "plugin 'b'")
    assert table.source("mine") == "plugin 'a'"


@pytest.mark.parametrize("name", ["", "Upper", "a b", "a_b", "-a", "a-", "a--b", "a.b", None, 5])
def test_a_name_that_could_not_be_typed_is_refused(name: str) -> None:
    with pytest.raises(GanzooError, match="must be lower-case letters, digits and single hyphens"):
        add(SpecTable("losses"), loss(name), "plugin 'a'")


def test_another_type_of_spec_is_refused() -> None:
    with pytest.raises(GanzooError, match="ganzoo_losses must return LossSpec objects, not str"):
        add(SpecTable("losses"), "hinge", "plugin 'a'")


@pytest.mark.parametrize(
    ("recipes", "part"),
    [
        ({"digits": 5}, "recipe 'digits' of 'mine' must be a Recipe"),
        ({"Big Name": Recipe()}, "recipe 'Big Name' of 'mine' must be a Recipe with a name like"),
    ],
)
def test_a_variants_recipes_are_checked(recipes: dict[str, object], part: str) -> None:
    with pytest.raises(GanzooError, match=part):
        add(SpecTable("variants"), variant(**recipes), "plugin 'a'")


@pytest.mark.parametrize("recipes", [{}, [Recipe()], None, {5: Recipe()}])
def test_a_variant_with_no_named_recipe_is_refused(recipes: object) -> None:
    bad = Variant("mine", "", "", (), recipes, build=dict)  # type: ignore[arg-type]
    with pytest.raises(GanzooError, match="'mine'"):
        add(SpecTable("variants"), bad, "plugin 'a'")


def test_a_variant_alone_means_its_first_recipe() -> None:
    found, name, recipe = registry.find_recipe("vanilla")
    assert (found.name, name) == ("vanilla", "digits")
    assert recipe is found.recipes["digits"]


def test_a_variant_and_recipe_mean_that_recipe() -> None:
    assert registry.find_recipe("vanilla.points")[1] == "points"


def test_a_variant_and_data_set_mean_the_recipe_made_for_it() -> None:
    assert registry.find_recipe("vanilla", "fashion-mnist")[1] == "fashion-mnist"


def test_a_data_set_without_a_recipe_means_the_one_in_for_data() -> None:
    suited = [
        (found.name, dataset, recipe)
        for found in registry.variants().values()
        for dataset, recipe in found.for_data.items()
        if dataset not in [known.data.name for known in found.recipes.values()]
    ]
    assert suited
    for name, dataset, recipe in suited:
        assert registry.find_recipe(name, dataset)[1] == recipe


def test_any_other_data_set_means_the_first_recipe_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    vanilla = dataclasses.replace(registry.variants()["vanilla"], for_data={})
    monkeypatch.setitem(registry.variants()._specs, "vanilla", vanilla)
    assert registry.find_recipe("vanilla", "npz")[1] == "digits"
    assert registry.find_recipe("wgan-gp", "points")[1] == "points"


def test_a_recipe_that_is_named_outweighs_the_data_set() -> None:
    assert registry.find_recipe("vanilla.mnist", "points")[1] == "mnist"


def test_an_unknown_recipe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(GanzooError, match=r"unknown recipe of vanilla 'mnits': did you mean .*mnist.*show vanilla"):
        registry.find_recipe("vanilla.mnits")


def test_every_name_in_a_two_player_recipe_is_registered() -> None:
    for found in registry.variants().values():
        for recipe in found.recipes.values():
            assert recipe.data.name in registry.datasets()
            if isinstance(recipe, TwoPlayerRecipe):
                assert recipe.loss in registry.losses()
                assert set(recipe.penalties) <= set(registry.penalties())


# Properties.

NAMES = st.lists(st.from_regex(r"[a-z]{1,5}(-[a-z0-9]{1,3})?", fullmatch=True), unique=True, max_size=8)


@settings(deadline=None, max_examples=100)
@given(NAMES, st.text(max_size=30))
def test_any_name_is_found_or_refused_in_one_line(names: list[str], typed: str) -> None:
    table: SpecTable[LossSpec] = SpecTable("losses")
    for name in names:
        add(table, loss(name), "plugin a")
    assert [table.find(name).name for name in names] == names
    if typed not in names:
        with pytest.raises(GanzooError) as caught:
            table.find(typed)
        assert len(str(caught.value).splitlines()) == 1


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=20) | st.none() | st.integers())
def test_any_name_is_added_once_or_refused_and_then_nothing_is_added(name: str) -> None:
    table: SpecTable[LossSpec] = SpecTable("losses")
    try:
        add(table, loss(name), "plugin a")
    except GanzooError as error:
        message = str(error)
        assert len(table) == 0
    else:
        message = "added"
        assert VALID_NAME.fullmatch(name)
        with pytest.raises(GanzooError, match="is already registered by plugin a"):
            add(table, loss(name), "plugin b")
    assert len(message.splitlines()) == 1


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(["dcgan", "vanilla", "x"]), st.text(max_size=12))
def test_any_variant_and_recipe_is_found_or_refused_in_one_line(variant: str, recipe: str) -> None:
    try:
        found, name, _ = registry.find_recipe(f"{variant}.{recipe}")
    except GanzooError as error:
        message = str(error)
    else:
        message = "found"
        assert (found.name, name) == (variant, recipe)
    assert len(message.splitlines()) == 1
