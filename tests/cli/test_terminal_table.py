"""Tables on a terminal that is too narrow for them: every digit is printed, in whatever shape."""

from __future__ import annotations

import re

import pytest

from ganzoo.cli.terminal_table import blocks, narrowest, show
from ganzoo.pictures.tables import ScoreTable

NAMES = ["IS", "FD", "KD", "precision", "recall", "density", "coverage", "accuracy"]


def table(columns: int, rows: int = 2) -> ScoreTable:
    header = ["run", "recipe", *[f"{NAMES[i % 8]}[domain:digits-{i}]" for i in range(columns)]]
    cells = [
        [f"runs/run-{r}", "dcgan.digits", *[f"{9.405 + r + i / 1000:.3f}" for i in range(columns)]] for r in range(rows)
    ]
    return ScoreTable("", header, cells, 2, frozenset({(0, 2)}), ["a note"])


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 200])
@pytest.mark.parametrize(("columns", "rows"), [(1, 2), (4, 2), (8, 2), (16, 3), (3, 12)])
def test_no_number_is_cut_at_any_width(columns: int, rows: int, width: int, capsys: pytest.CaptureFixture[str]) -> None:
    made = table(columns, rows)
    show(made, width)
    printed = capsys.readouterr().out
    numbers = re.findall(r"\d+\.\d+", printed)
    assert sorted(numbers) == sorted(cell for row in made.rows for cell in row[2:])
    assert printed.count("a note") == 1
    assert printed.count("*") == 2
    assert printed.count("*: the best of those shown.") == 1


@pytest.mark.parametrize("width", [60, 80])
def test_blocks_fit_and_have_every_column_once(width: int) -> None:
    made = table(12)
    found = blocks(made, width)
    assert len(found) > 1
    assert all(narrowest(block) <= width for block in found)
    assert [name for block in found for name in block.header[2:]] == made.header[2:]
    assert all(block.header[:2] == ["run", "recipe"] for block in found)


def test_a_table_that_fits_is_one_block() -> None:
    assert blocks(table(3), 200) == [table(3)]


def test_notes_are_broken_between_words_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    show(ScoreTable("", ["run", "IS"], [["a", "1.0"]], 1, frozenset(), ["eight letters in many words " * 2]))
    lines = [line for line in capsys.readouterr().out.splitlines() if "letters" in line or "words" in line]
    assert lines == ["eight letters in many words eight", "  letters in many words"]
