"""`ganzoo show`: one screen of what makes a recipe what it is, every key on request, and a recipe file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganzoo.cli import run
from ganzoo.zoo import config, registry
from ganzoo.zoo.recipe_files import read_file

RECIPES = [f"{v.name}.{name}" for v in registry.variants().values() for name in v.recipes]


@pytest.mark.parametrize("name", RECIPES)
def test_the_file_of_a_recipe_makes_the_same_recipe_of_the_variants_default(
    name: str, tmp_path: Path, capsys: Any
) -> None:
    assert run(["show", name, "--toml"]) == 0
    (tmp_path / "mine.toml").write_text(capsys.readouterr().out, "utf-8")
    variant, _, recipe = registry.find_recipe(name)
    default = variant.recipes[variant.default]
    assert config.override(default, read_file(tmp_path / "mine.toml")) == recipe


def test_a_variant_fits_on_a_screen_and_all_its_keys_are_shown_on_request(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["show", "dcgan"]) == 0
    short = capsys.readouterr().out
    assert len(short.splitlines()) <= 40
    assert max(map(len, short.splitlines())) <= 80
    assert "they double as it\n                        halves, up to eight times.\n" in short
    assert "g.lr = " in short
    assert "g.weight_decay" not in short
    assert "ganzoo show dcgan --all" in short
    assert run(["show", "dcgan", "--all"]) == 0
    every = capsys.readouterr().out
    assert all(key.path in every for key in config.keys(registry.find_recipe("dcgan")[2]))
    assert "--all" not in every


def test_only_a_recipe_has_a_file(capsys: Any) -> None:
    assert run(["show", "hinge", "--toml"]) == 2
    assert "unknown variant 'hinge'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mnist", "train on it: ganzoo train dcgan --dataset mnist"),
        ("tones", "train on it: ganzoo train specgan --dataset tones"),
        ("folder", "train on it: ganzoo train dcgan --dataset folder:PATH"),
        ("maps", "train on it: ganzoo train spade --dataset maps:PATH"),
    ],
)
def test_a_data_set_says_how_to_train_on_it(name: str, told: str, capsys: Any) -> None:
    assert run(["show", name]) == 0
    assert told in capsys.readouterr().out.splitlines()
