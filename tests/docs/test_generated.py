"""Values of cards that are written into the pages of the docs."""

from __future__ import annotations

import sys

import pytest
from paths import ROOT

sys.path[:0] = [str(ROOT / "docs"), str(ROOT)]
generated = pytest.importorskip("generated", reason="the docs are not in this checkout")


def test_values_are_written_below_headings_that_name_recipes_and_not_into_tables_of_results() -> None:
    recipes = "| key | `dcgan.digits` | source |\n|---|---|---|\n| `steps` | 1 | ours |\n"
    assert "| `steps` | 3000 | ours |" in generated.with_values(recipes)
    results = "| | IS |\n|---|---|\n| `dcgan.digits` | 8.9 |\n| real data | 9.2 |\n"
    assert generated.with_values(results) == results
