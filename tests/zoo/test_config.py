"""Recipes to and from text: JSON, TOML, `--set`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganzoo.errors import GanzooError
from ganzoo.recipes import Data, Optimiser, Recipe, Term, TwoPlayerRecipe, flat, to_dict
from ganzoo.zoo import config, registry
from ganzoo.zoo.recipe_files import read_file

RECIPES = {f"{v.name}.{name}": recipe for v in registry.variants().values() for name, recipe in v.recipes.items()}
VANILLA = type(registry.variants()["vanilla"].recipes["digits"])()


def changed(*assignments: str, recipe: Recipe = VANILLA) -> Any:
    return config.override(recipe, config.parse_assignments(assignments))


def message(*assignments: str, recipe: Recipe = VANILLA) -> str:
    with pytest.raises(GanzooError) as caught:
        changed(*assignments, recipe=recipe)
    text = str(caught.value)
    assert "\n" not in text
    return text


# Round trips.


@pytest.mark.parametrize("name", RECIPES)
def test_every_registered_recipe_survives_json(name: str) -> None:
    recipe = RECIPES[name]
    text = json.dumps(to_dict(recipe))
    assert config.override(recipe, json.loads(text)) == recipe


@pytest.mark.parametrize("name", RECIPES)
def test_every_registered_recipe_is_rebuilt_from_json_over_the_variants_default(name: str) -> None:
    default = next(iter(registry.variants()[name.partition(".")[0]].recipes.values()))
    assert config.override(default, to_dict(RECIPES[name])) == RECIPES[name]


@pytest.mark.parametrize("name", RECIPES)
def test_every_value_that_show_prints_can_be_set(name: str) -> None:
    from ganzoo.zoo.config import value_text

    recipe = RECIPES[name]
    for key in config.keys(recipe):
        if key.value not in ("", {}):
            assert changed(f"{key.path}={value_text(key.value)}", recipe=recipe) == recipe, key.path


@pytest.mark.parametrize("name", RECIPES)
def test_every_key_has_a_type_and_a_meaning(name: str) -> None:
    for key in config.keys(RECIPES[name]):
        assert key.type, key.path
        assert key.help, key.path


# --set.


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("steps=500", "steps", 500),
        ("steps=1_000", "steps", 1000),
        ("steps= 7 ", "steps", 7),
        ("latent=2", "latent", 2),
        ("ema=0", "ema", 0.0),
        ("ema=0.99", "ema", 0.99),
        ("g.lr=1e-4", "g.lr", 1e-4),
        ("g.lr=2", "g.lr", 2.0),
        ("g.betas=0.1,0.9", "g.betas", (0.1, 0.9)),
        ("g.betas=(0, 0.9)", "g.betas", (0.0, 0.9)),
        ("g.betas=[0.1,0.9]", "g.betas", (0.1, 0.9)),
        ("g_hidden=32", "g_hidden", (32,)),
        ("g_hidden=32,64", "g_hidden", (32, 64)),
        ("g_hidden=", "g_hidden", ()),
        ("data.flip=true", "data.flip", True),
        ("data.flip=no", "data.flip", False),
        ("data.flip=1", "data.flip", True),
        ("spectral_norm=yes", "spectral_norm", True),
        ("data.size=16", "data.size", 16),
        ("data.size=16,32", "data.size", (16, 32)),
        ("data.low=-1000", "data.low", -1000.0),
        ("data.size=none", "data.size", None),
        ("data.size=null", "data.size", None),
        ("data.path=a=b", "data.path", "a=b"),
        ("loss=hinge", "loss", "hinge"),
        ("d.name=sgd", "d.name", "sgd"),
        ("latent_distribution=uniform", "latent_distribution", "uniform"),
    ],
)
def test_set_reads(text: str, path: str, value: object) -> None:
    found: Any = changed(text)
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("texts", "penalties"),
    [
        (["penalties=r1"], {"r1": Term(weight=10.0)}),
        (["penalties=r1,r2"], {"r1": Term(weight=10.0), "r2": Term(weight=10.0)}),
        (["penalties=none"], {}),
        (["penalties="], {}),
        (["penalties.r1=5"], {"r1": Term(weight=5.0)}),
        (["penalties.r1.weight=0.5"], {"r1": Term(weight=0.5)}),
        (["penalties.r1.every=16"], {"r1": Term(weight=10.0, every=16)}),
        (["penalties.r1.weight=2", "penalties.r1.every=4"], {"r1": Term(weight=2.0, every=4)}),
        (["penalties=r1", "penalties.r2.every=2"], {"r1": Term(weight=10.0), "r2": Term(weight=10.0, every=2)}),
        (["penalties=r1,r2", "penalties.r1=none"], {"r2": Term(weight=10.0)}),
    ],
)
def test_set_reads_penalties(texts: list[str], penalties: dict[str, Term]) -> None:
    assert changed(*texts).penalties == penalties


def test_a_recipes_own_penalty_can_be_changed_and_removed() -> None:
    recipe = RECIPES["wgan-gp.digits"]
    assert changed("penalties.wgan-gp.weight=1", recipe=recipe).penalties == {"wgan-gp": Term(weight=1.0)}
    assert changed("penalties.wgan-gp=none", recipe=recipe).penalties == {}
    assert changed("penalties=none", recipe=recipe).penalties == {}


def test_set_reads_loss_options_and_removes_them() -> None:
    recipe = changed("loss_options.smoothing=0.1")
    assert recipe.loss_options == {"smoothing": 0.1}
    assert changed("loss_options.smoothing=none", recipe=recipe).loss_options == {}
    assert changed("loss_options=none", recipe=recipe).loss_options == {}


def test_the_last_of_two_assignments_holds() -> None:
    assert changed("steps=5", "steps=6").steps == 6


def test_a_recipe_is_never_changed_itself() -> None:
    before = to_dict(RECIPES["wgan-gp.digits"])
    changed("penalties.wgan-gp.weight=1", "g.lr=1", "loss_options.x=1", recipe=RECIPES["wgan-gp.digits"])
    assert to_dict(RECIPES["wgan-gp.digits"]) == before


def test_two_recipes_do_not_share_their_dicts() -> None:
    a, b = TwoPlayerRecipe(), TwoPlayerRecipe()
    a.penalties["x"] = Term()
    assert b.penalties == {}


def test_nested_mappings_and_dotted_names_mean_the_same() -> None:
    nested = config.override(VANILLA, {"g": {"lr": 0.5, "betas": [0.1, 0.2]}, "data": {"size": 16}})
    dotted = config.override(VANILLA, {"g.lr": 0.5, "g.betas": "0.1,0.2", "data.size": "16"})
    assert nested == dotted


# Messages.


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("stpes=5", ["unknown recipe key 'stpes'", "did you mean steps"]),
        ("g.lrr=5", ["unknown recipe key 'g.lrr'", "did you mean g.lr"]),
        ("data.sizes=5", ["unknown recipe key 'data.sizes'", "data.size"]),
        ("steps=many", ["steps: expected a whole number of at least 1, got 'many'"]),
        ("steps=1.5", ["steps: expected a whole number", "'1.5'"]),
        ("steps=0", ["of at least 1", "'0'"]),
        ("steps=-1", ["of at least 1", "'-1'"]),
        ("steps=true", ["steps: expected a whole number"]),
        ("g.lr=0", ["g.lr: expected a number above 0, got '0'"]),
        ("g.lr=nan", ["g.lr: expected a number above 0, got 'nan'"]),
        ("g.lr=inf", ["g.lr: expected a number above 0, got 'inf'"]),
        ("g.betas=0.5", ["g.betas: expected 2 numbers of at least 0 and below 1, separated by commas"]),
        ("g.betas=0.5,nan", ["g.betas: expected 2 numbers"]),
        ("g.betas=0.5,1.5", ["g.betas: expected 2 numbers"]),
        ("g_hidden=8,0", ["g_hidden: expected whole numbers of at least 1, separated by commas"]),
        ("data.flip=perhaps", ["data.flip: expected true or false"]),
        ("ema=1", ["ema: expected a number of at least 0 and below 1"]),
        ("d.name=adma", ["unknown value of d.name 'adma'", "adam"]),
        ("data.size=16,", ["data.size: expected a whole number"]),
        ("data.size=16,32,3", ["data.size: expected a whole number", "two, separated by a comma"]),
        ("data.size=16,0", ["data.size: expected a whole number of at least 1"]),
        ("data.high=nan", ["data.high: expected a number"]),
        ("data.layout=CWH", ["unknown value of data.layout 'CWH'", "CHW"]),
        ("data.size=big", ["data.size: expected a whole number of at least 1 and of at most 1024 or none"]),
        pytest.param("seed=" + "9" * 5000, ["seed: expected a whole number"], id="a number of 5000 digits"),
        ("penalties=r3", ["unknown penalty 'r3'", "r1"]),
        ("penalties.gp.weight=1", ["unknown penalty 'gp'"]),
        ("penalties.r1.weigth=1", ["penalties.r1.weigth", "did you mean penalties.r1.weight"]),
        ("penalties.r1.every=0", ["penalties.r1.every: expected a whole number of at least 1"]),
        ("penalties.r1.weight=-1", ["of at least 0"]),
        ("loss_options=5", ["loss_options is a group of keys"]),
        ("loss_options.smoothing=lots", ["loss_options.smoothing: expected a number, got 'lots'"]),
        ("loss_options.a.b=1", ["loss_options.a.b: unknown recipe key"]),
        ("g=1e-4", ["g is a group of keys", "--set g.name="]),
        ("steps.more=1", ["steps is a single value", "'more'"]),
        ("g.lr.x.y=1", ["g.lr is a single value", "'x.y'"]),
        ("=5", ["write it as --set key=value"]),
        ("steps", ["--set 'steps': write it as --set key=value"]),
        ("batch=10 ", []),
    ],
)
def test_the_message_about_a_wrong_assignment_names_the_allowed_values(text: str, parts: list[str]) -> None:
    if not parts:
        assert changed(text).batch == 10
        return
    found = message(text)
    for part in parts:
        assert part in found


def test_a_batch_that_cannot_be_split_is_refused_with_a_number_that_works() -> None:
    assert "try --set accumulate=2" in message("batch=6", "accumulate=4")


@pytest.mark.parametrize(
    "values",
    [{"g": 5}, {"penalties": 5}, {"penalties": [1]}, {"steps": [1]}, {"steps": None}, {"data": {"name": 5}}],
)
def test_wrong_types_in_a_file_are_one_line(values: dict[str, Any]) -> None:
    with pytest.raises(GanzooError) as caught:
        config.override(VANILLA, values)
    assert "\n" not in str(caught.value)


# Files.


def test_a_toml_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('steps = 5\n[g]\nlr = 0.5\n[penalties.r1]\nevery = 4\n[data]\nname = "points"\n')
    recipe = config.override(VANILLA, read_file(file))
    assert (recipe.steps, recipe.g.lr, recipe.data.name) == (5, 0.5, "points")
    assert recipe.penalties == {"r1": Term(weight=10.0, every=4)}


def test_a_json_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text('{"steps": 5, "g": {"betas": [0, 0.9]}, "data.size": 16}')
    recipe = config.override(VANILLA, read_file(file))
    assert (recipe.steps, recipe.g.betas, recipe.data.size) == (5, (0.0, 0.9), 16)


def test_a_run_folder_gives_its_recipe(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps({"format": 1, "recipe": {"steps": 5}}))
    assert read_file(tmp_path) == {"steps": 5}
    assert read_file(str(tmp_path / "recipe.json")) == {"steps": 5}


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("a.json", b"{", "a.json is not valid JSON"),
        ("a.toml", b"steps = ", "a.toml is not valid TOML"),
        ("a.json", b"[1]", "must contain keys and values"),
        ("a.json", b"\xff\xfe", "not a text file"),
        ("a.json", b"[" * 100_000, "not valid JSON"),
    ],
)
def test_a_bad_recipe_file_is_one_line(tmp_path: Path, name: str, content: bytes, part: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GanzooError) as caught:
        read_file(tmp_path / name)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_recipe_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match=r"cannot read the recipe file .*No such file"):
        read_file(tmp_path / "none.json")


# Properties.

FLOATS = st.floats(1e-9, 1e3, allow_nan=False)
OPTIMISERS = st.builds(
    Optimiser,
    name=st.sampled_from(["adam", "adamw", "rmsprop", "sgd"]),
    lr=FLOATS,
    betas=st.tuples(*[st.floats(0, 0.999)] * 2),
    warmup=st.integers(0, 10**6),
    schedule=st.sampled_from(["constant", "linear", "cosine"]),
    final_lr=st.floats(0, 1),
)
TERMS = st.builds(Term, weight=st.floats(0, 1e6), every=st.integers(1, 100))
TWO_PLAYER = st.builds(
    TwoPlayerRecipe,
    steps=st.integers(1, 10**9),
    batch=st.integers(1, 10**6),
    seed=st.integers(0, 2**31 - 1),
    ema=st.floats(0, 0.9999),
    data=st.builds(Data, path=st.text(), size=st.none() | st.integers(1, 1024), flip=st.booleans()),
    g=OPTIMISERS,
    d=OPTIMISERS,
    loss_options=st.dictionaries(st.sampled_from(["smoothing", "margin"]), st.floats(-10, 10)),
    penalties=st.dictionaries(st.sampled_from(sorted(registry.penalties())), TERMS),
)


@settings(deadline=None, max_examples=60)
@given(TWO_PLAYER)
def test_any_recipe_survives_json(recipe: TwoPlayerRecipe) -> None:
    again = config.override(TwoPlayerRecipe(), json.loads(json.dumps(to_dict(recipe))))
    # A path is stripped like any text.
    stripped = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, path=again.data.path))
    assert again == stripped


KEYS = [key.path for key in config.keys(RECIPES["wgan-gp.digits"])]
KEYS += ["penalties", "penalties.r1", "loss_options.x", "g"]
VALUES = st.text() | st.floats() | st.integers() | st.booleans() | st.none()


@settings(deadline=None, max_examples=300)
@given(st.text() | st.builds("{}={}".format, st.sampled_from(KEYS), VALUES))
def test_any_assignment_gives_a_recipe_or_a_one_line_error(text: str) -> None:
    try:
        recipe = changed(text, recipe=RECIPES["wgan-gp.digits"])
    except GanzooError as error:
        message = str(error)
    else:
        message = "a recipe"
        assert config.override(recipe, to_dict(recipe)) == recipe
    assert len(message.splitlines()) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), JSON, max_size=4))
def test_any_recipe_file_gives_a_recipe_or_a_one_line_error(values: dict[str, Any]) -> None:
    try:
        recipe = config.override(RECIPES["wgan-gp.digits"], values)
    except GanzooError as error:
        message = str(error)
    else:
        message = "a recipe"
        assert config.override(recipe, to_dict(recipe)) == recipe
    assert len(message.splitlines()) == 1


@given(TWO_PLAYER)
@settings(deadline=None, max_examples=40)
def test_flat_keys_mean_the_same_as_nested_ones(recipe: TwoPlayerRecipe) -> None:
    nested = to_dict(recipe)
    assert config.override(TwoPlayerRecipe(), flat(nested)) == config.override(TwoPlayerRecipe(), nested)


@pytest.mark.parametrize(
    ("hint", "value", "fitting"),
    [
        (int, 5, True),
        (int, True, False),
        (int, 5.0, False),
        (int, "5", False),
        (bool, True, True),
        (bool, 1, False),
        (str | None, None, True),
        (str | None, "a", True),
        (str | None, 5, False),
        (tuple[str, ...], ["a"], True),
        (tuple[str, ...], [5], False),
        (tuple[str, ...], "a", False),
    ],
)
def test_a_value_fits_a_type_without_conversion(hint: Any, value: Any, fitting: bool) -> None:
    assert config.fits(hint, value) is fitting


# Typed values, as for RunOptions.


def test_typed_values_make_an_instance() -> None:
    made = config.make(Term, {"weight": 2, "every": 3}, "key")
    assert made == Term(weight=2, every=3)
    assert config.make(Data, {"path": Path("a/b")}, "key").path == str(Path("a/b"))
    assert config.make(Optimiser, {"betas": [0, 0.5]}, "key").betas == (0, 0.5)


@pytest.mark.parametrize(
    ("cls", "values", "message"),
    [
        (Term, {"wieght": 2}, "unknown key 'wieght': did you mean weight?"),
        (Term, {"every": "3"}, "every: expected a whole number of at least 1, got '3'."),
        (Term, {"every": 0}, "every: expected a whole number of at least 1, got 0."),
        (Term, {"every": -(10**400)}, "every: expected a whole number of at least 1, got -1"),
        (Term, {"weight": float("inf")}, "weight: expected a number of at least 0, got inf."),
        (Term, {"weight": [[1]] * 2}, "weight: expected a number of at least 0, got [[1], [1]]."),
        (Data, {"flip": "yes"}, "flip: expected true or false, got 'yes'."),
        (Optimiser, {"name": "adma"}, "unknown value of name 'adma': did you mean adam"),
        (
            Optimiser,
            {"betas": "0,0.9"},
            "betas: expected 2 numbers of at least 0 and below 1, separated by commas, got",
        ),
    ],
)
def test_typed_values_are_not_parsed_from_text_and_mistakes_are_one_line(
    cls: Any, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(GanzooError) as caught:
        config.make(cls, values, "key")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
