"""docs/kinds.md: its commands run in their order, and its games are as short as it says."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import translator
from doc_examples import FAST, room_for_examples
from kinds_of_data import clips, domains, folders, growing, pictures, sentences, signals, table
from paths import ROOT
from PIL import Image

from ganzoo import cli
from ganzoo.zoo.zoo import Plugin, Zoo

PAGE = (ROOT / "docs" / "kinds.md").read_text("utf-8")
PLUGINS = (translator, domains, folders, sentences, signals, table, clips, pictures, growing)


@pytest.fixture
def zoo() -> Iterator[Zoo]:
    with room_for_examples() as zoo:
        for module in PLUGINS:
            name = module.__name__.rpartition(".")[2]
            assert zoo.add(Plugin(name, name, "example", module)).error == ""
        yield zoo


@pytest.fixture
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's files that the page's commands name."""
    random = np.random.default_rng(0)
    for name, size, count in (("small", 4, 3), ("photos", 8, 5), ("dark", 8, 7)):
        (tmp_path / name).mkdir()
        for number in range(count):
            pixels = random.integers(0, 255, (size, size), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    (tmp_path / "mine.txt").write_text("one two three\nthree two one\n" * 100)
    (tmp_path / "mine.csv").write_text("age,colour\n" + "".join(f"{20 + i % 9},{'rgb'[i % 3]}\n" for i in range(300)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(section: str) -> list[list[str]]:
    blocks = re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]


SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}


@pytest.mark.parametrize("title", SECTIONS)
def test_the_commands_of_a_section_run_one_after_the_other(
    title: str, zoo: Zoo, own_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = commands(SECTIONS[title])
    assert found
    for words in found:
        code = cli.run([*words, *(FAST if words[0] == "train" else [])])
        assert code == 0, f"{shlex.join(words)}: {capsys.readouterr().err}"


def test_files_are_written_as_the_page_says(zoo: Zoo, own_files: Path) -> None:
    for words in (*commands(SECTIONS["A translator"])[:2], *commands(SECTIONS["A table"])[:2]):
        assert cli.run([*words, *(FAST if words[0] == "train" else [])]) == 0
    assert sorted(path.name for path in (own_files / "enlarged").iterdir()) == ["0.png", "1.png", "2.png"]
    assert Image.open(own_files / "enlarged" / "0.png").size == (8, 8)
    rows = (own_files / "new.csv").read_text().splitlines()
    assert (rows[0], len(rows)) == ("age,colour", 201)
    recorded = json.loads((own_files / "runs" / "table-gan-mine-1" / "recipe.json").read_text())
    assert recorded["source"]["path"] == str(own_files / "mine.csv")


@pytest.fixture(scope="module")
def examples() -> Iterator[ModuleType]:
    """docs/examples.py as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        yield importlib.import_module("examples")


def test_games_take_few_lines(examples: ModuleType) -> None:
    lines = {
        name: examples.game_lines(file, build)
        for file in examples.files_of(PAGE)
        for name, (_, build) in examples.variants_of(file).items()
    }
    assert lines["classifier-gan"] <= 10
    assert lines["tint"] <= 40
    assert max(lines.values()) <= 40
    assert min(lines.values()) >= 1


def test_every_example_game_is_on_the_page(examples: ModuleType) -> None:
    files = {Path(module.__file__ or "").relative_to(ROOT).as_posix() for module in PLUGINS}
    assert set(examples.files_of(PAGE)) == files
    for name in (name for file in files for name in examples.variants_of(file)):
        assert any(words[:2] in (["train", name], ["train", f"{name}.waves"]) for words in commands(PAGE)), name


SOURCE = '''"""A file."""

import os


def build(recipe, data):
    """A game."""
    from torch import nn

    class Network(nn.Module):
        def forward(self, x):
            return x

    class Game(TwoPlayer):
        """A docstring
        of two lines."""

        # A comment.
        inputs = ("a",)

        def fakes(self, batch):
            return batch["a"]

    d = nn.Sequential(
        nn.Flatten(),
    )
    width = 4
    return Game.from_recipe(Network(), d, recipe, data)


def ganzoo_variants():
    return [Variant("name", "Summary.", "none", ("image",), {}, build)]


def helper():
    import re

    return 1
'''


def test_lines_are_counted_without_networks_comments_docstrings_imports_and_cards(
    examples: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plugin.py").write_text(SOURCE)
    monkeypatch.setattr(examples, "ROOT", tmp_path)
    # class, inputs, def, return; width; return.
    assert examples.game_lines("plugin.py", "build") == 6
    assert examples.data_lines("plugin.py") == 2
    assert examples.variants_of("plugin.py") == {"name": ("Summary.", "build")}
    page = "a\n<!-- code: plugin.py helper fakes -->\nold\n<!-- end -->\nb\n<!-- lines -->\n<!-- end -->\n"
    made = examples.with_code(page)
    assert "\n```python\ndef helper():\n    import re\n\n    return 1\n\n\ndef fakes(self, batch):\n    return" in made
    assert "old" not in made
    assert "| [name](../plugin.py) | Summary. | 6 |  |" in made
    assert examples.with_code(made) == made
    with pytest.raises(KeyError):
        examples.with_code("<!-- code: plugin.py nothing -->\n<!-- end -->\n")
