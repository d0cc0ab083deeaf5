"""Tables of docs/science.md."""

from __future__ import annotations

import importlib

import pytest
from paths import ROOT


def test_a_row_of_packing_has_the_mean_and_deviation_of_its_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    table = importlib.import_module("claims").packing(
        {"packs": [1, 2], "scores": {"modes": [[300.0, 500.0], [200.0, 600.0]], "KL": [[3.0, 1.0], [3.0, 2.0]]}}
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()]
    # Standard deviations: 100 / sqrt(2) = 70.7, 0 and 1 / sqrt(2) = 0.71.
    assert rows[0] == ["samples in a pack", "modes", "KL"]
    assert rows[2:] == [["1", "250 ± 71", "3 ± 0"], ["2", "550 ± 71", "1.50 ± 0.71"]]
