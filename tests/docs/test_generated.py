"""Values of cards that are written into the pages of the docs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
import pytest
from paths import ROOT

sys.path[:0] = [str(ROOT / "docs"), str(ROOT)]
generated = pytest.importorskip("generated", reason="the docs are not in this checkout")


def test_values_are_written_below_headings_that_name_recipes_and_not_into_tables_of_results() -> None:
    recipes = "| key | `dcgan.digits` | source |\n|---|---|---|\n| `steps` | 1 | ours |\n"
    assert "| `steps` | 3000 | ours |" in generated.with_values(recipes)
    results = "| | IS |\n|---|---|\n| `dcgan.digits` | 8.9 |\n| real data | 9.2 |\n"
    assert generated.with_values(results) == results


def test_a_bar_in_an_option_does_not_end_its_cell_and_known_options_are_only_named() -> None:
    train = click.Command("train", params=[click.Option(["--device"], metavar="D", help="Where.")])
    other = click.Command("other", params=[click.Option(["--search"], metavar="A|B", help="x|y"), *train.params])
    assert generated.options_table(other, generated.option_rows(train)) == (
        "| option | takes | what it does |\n|---|---|---|\n| `--search` | A\\|B | x\\|y |\n"
        "\nAlso, as for [`ganzoo train`](#ganzoo-train): `--device`.\n"
    )


def test_a_row_with_too_many_cells_is_named() -> None:
    check = pytest.importorskip("check")
    table = "| a | b |\n|---|---|\n| 1 | 2 |\n"
    assert list(check.check_tables(f"{table}\n| c |\n|---|\n| 1\\|2 |\n\n```text\n| 1 | 2 | 3 |\n```\n")) == []
    assert list(check.check_tables(table + "| 1 | 2|3 |\n")) == ["a row has 3 cells where its table has 2: | 1 | 2|3 |"]


def test_a_recipe_without_results_is_marked_on_its_page() -> None:
    page = "<!-- seeds: {} -->\n<!-- end -->"
    assert "| IS[domain:digits] |" in generated.with_tables(page.format("dcgan.digits"))
    assert "`dcgan.none` has no results in `ganzoo bench benchmarks/zoo.toml" in generated.with_tables(
        page.format("dcgan.none")
    )


def test_a_table_that_adds_to_the_one_above_need_not_repeat_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = pytest.importorskip("check")
    (variant,) = [variant for variant in generated.own("variants") if variant.name == "stylegan2-ada"]
    text = generated.page_of(variant).read_text("utf-8")
    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setattr(check, "page_of", lambda _: tmp_path / "page.md")

    def problems(text: str) -> list[str]:
        (tmp_path / "page.md").write_text(text, "utf-8")
        return list(check.check_page(variant))

    assert problems(text) == []
    found = problems(text.replace("| `augment` |", "| `loss` |"))
    assert "page.md: the table of stylegan2-ada.digits leaves out augment = ada" in found
    above = re.sub(r"^\| `batch` .*\n", "", text, flags=re.MULTILINE)
    assert problems(above) == [
        f"page.md: the table of stylegan2-ada.{name} leaves out batch = {batch}"
        for name, batch in (("digits", 32), ("mnist", 32), ("folder", 32))
    ]
