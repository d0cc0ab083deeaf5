"""The baselines of tables: independent columns and a Gaussian copula."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import results, tables
from ganzoo.data.dataset import Dataset
from ganzoo.recipes import DataSpec


def rows(count: int = 3000) -> Dataset:
    """A value, a second one that follows it, and a category that follows both."""
    rng = np.random.default_rng(0)
    first = rng.exponential(size=count)
    second = first + 0.3 * rng.normal(size=count)
    place = (first > 0.7).astype(int) + (first > 2)
    x = np.c_[first, second, np.eye(3)[place]].astype(np.float32)
    columns = [{"mean": 0, "missing": None}] * 2 + [{"values": ["a", "b", "c"], "missing": None}]
    note = {"parts": [["value", 1], ["value", 1], ["choice", 3]], "columns": columns}
    return Dataset({"x": torch.from_numpy(x)}, DataSpec("t", "table", (5,), range=None, note=note))


@pytest.mark.parametrize("name", tables.BASELINES)
def test_columns_are_as_in_the_data(name: str) -> None:
    train = rows()
    x, drawn = train.arrays["x"].numpy(), tables.BASELINES[name](train, 3000, np.random.default_rng(1)).numpy()
    for column in range(2):
        quantiles = [np.quantile(each[:, column], [0.1, 0.5, 0.9]) for each in (x, drawn)]
        assert quantiles[1] == pytest.approx(quantiles[0], rel=0.1, abs=0.05)
    assert drawn[:, 2:].mean(0) == pytest.approx(x[:, 2:].mean(0), abs=0.03)
    assert (drawn[:, 2:].sum(1) == 1).all()


def test_the_copula_has_the_correlations_and_independent_columns_have_none() -> None:
    train = rows()
    drawn = {name: draw(train, 3000, np.random.default_rng(1)).numpy() for name, draw in tables.BASELINES.items()}
    assert np.corrcoef(drawn["columns"][:, :2], rowvar=False)[0, 1] == pytest.approx(0, abs=0.05)
    assert np.corrcoef(drawn["copula"][:, :2], rowvar=False)[0, 1] > 0.85
    rare = drawn["copula"][drawn["copula"][:, 4] == 1]
    assert rare[:, 0].mean() > drawn["copula"][:, 0].mean() + 0.5


def test_the_table_has_baselines_and_real_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    tables.main(["wine", "--seeds", "0", "--csv", str(tmp_path / "rows")])
    printed = capsys.readouterr().out
    assert "| columns |" in printed
    means = json.loads((tmp_path / "tables-wine.json").read_text("utf-8"))["means"]
    assert set(means) == {"columns", "copula", "real rows"}
    assert means["copula"]["TSTR-F1"] > means["columns"]["TSTR-F1"]
    assert means["real rows"]["TSTR-F1"] > 0.9
    assert len((tmp_path / "rows" / "copula-0.csv").read_text("utf-8").splitlines()) == 144
