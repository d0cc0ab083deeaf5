"""Sweeps: every combination of the values of recipe keys, how long they take, and a figure of their scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from small import SMALL

from ganzoo.api.bench.grid import Cell, make_grid
from ganzoo.api.bench.pace import Pace
from ganzoo.api.bench.report import figure, make_report, tables
from ganzoo.api.bench.runner import bench, estimate
from ganzoo.api.bench.sweep import combinations, short_names
from ganzoo.cli import run as typed
from ganzoo.errors import GanzooError

KEYS = {key: value for key, value in SMALL.items() if key != "batch"}
SWEEP = {"loss": ["hinge", "wasserstein"], "g.lr": [1e-4, 2e-4]}
GRID: dict[str, Any] = {
    "variants": ["vanilla"],
    "datasets": ["points:ring"],
    "seeds": [0],
    "steps": 2,
    "set": {key: value for key, value in KEYS.items() if key != "g.lr"},
    "sweep": SWEEP,
}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ganzoo.evaluation.metrics.points.W2_SAMPLES", 100)


def test_a_sweep_is_a_product_with_labels_from_its_keys() -> None:
    groups = make_grid(GRID).groups
    assert [(group.set["loss"], group.set["g.lr"]) for group in groups] == [
        ("hinge", 1e-4), ("hinge", 2e-4), ("wasserstein", 1e-4), ("wasserstein", 2e-4),
    ]  # fmt: skip
    assert groups[0].folder == "vanilla.points-points-ring-loss-hinge-g.lr-0.0001"
    assert groups[3].title == "vanilla.points on points:ring (loss=wasserstein, g.lr=0.0002)"


def test_cells_are_not_swept() -> None:
    cell = {"variant": "vanilla", "dataset": "points:ring", "label": "base"}
    groups = make_grid(GRID | {"cells": [cell]}).groups
    assert len(groups) == 5
    assert "loss" not in groups[4].set


def test_labels_are_short_and_distinct() -> None:
    assert short_names(["loss", "g.lr", "penalties.r1.weight"])["penalties.r1.weight"] == "weight"
    assert short_names(["penalties.r1.weight", "penalties.r2.weight"])["penalties.r1.weight"] == "penalties.r1.weight"
    values = {"g_hidden": ["128,256", "none"], "loss_options.a": [-1.0, 1.0], "g.lr": [1e-5]}
    labels = [each.label for each in combinations(values, {})]
    assert labels[0] == "g_hidden-128-256-loss_options.a-minus1-g.lr-1e-05"
    assert len(set(labels)) == 4


@pytest.mark.parametrize(
    ("sweep", "line"),
    [
        ({}, "sweep must be a table"),
        ({"loss": "hinge"}, 'loss must be a list of values, as "loss" = ['),
        ({"loss": []}, "loss must be a list"),
        ({"g.lr": [1e-4, 0.0001]}, "g.lr has a value twice"),
        ({"seed": [1, 2]}, "use seeds there"),
        ({"steps": [1, 2]}, "steps is also in steps, at the top of the grid"),
        ({"d.lr": [1e-4]}, "d.lr is also in set (d.lr)"),
        ({"d.nolr": ["1"]}, "unknown recipe key 'd.nolr'"),
        ({"batch": list(range(1, 1200))}, "more than 1,000 combinations"),
    ],
)
def test_mistakes_are_one_line(sweep: dict[str, Any], line: str) -> None:
    with pytest.raises(GanzooError) as raised:
        make_grid(GRID | {"sweep": sweep})
    assert line in str(raised.value)


def test_time_left_is_that_of_the_groups_own_cells() -> None:
    groups = make_grid(GRID | {"seeds": [0, 1]}).groups
    pace = Pace()
    cells = [Cell(groups[0], 1), Cell(groups[1], 0)]
    assert pace.left(cells) == ""
    pace.add(Cell(groups[0], 0), 10)
    assert pace.left(cells) == "about 20 s left"
    pace.add(Cell(groups[1], 1), 30)
    assert pace.left(cells) == "about 40 s left"


def test_a_sweep_is_trained_reported_and_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    done = bench(GRID, out="out", progress=False, device="cpu", report=lines.append)
    assert not done.failed
    assert any(line.startswith("[2/4] ") and " left ..." in line for line in lines)
    (table,) = tables(done.report)
    assert table.rows[0][0] == "vanilla.points (loss=hinge, g.lr=0.0001)"
    assert json.loads(Path("out/report.json").read_text("utf-8"))["groups"][1]["sweep"]["g.lr"] == 2e-4
    with Image.open("out/report.png") as picture:
        assert picture.width > 300
    drawn = figure(make_report(make_grid(GRID), Path("out")))
    labels = [text.get_text() for text in drawn.axes[0].get_yticklabels()] if drawn.axes else []
    labels = labels or [text.get_text() for text in drawn.subfigs[0].axes[0].get_yticklabels()]
    assert "vanilla.points (loss=wasserstein, g.lr=0.0002)" in labels
    # What is finished takes no more time.
    found = estimate(GRID | {"seeds": [0, 1]}, out="out", device="cpu")
    assert [list(each.unfinished) for each in found.estimates] == [[1]] * 4
    assert not Path("out/vanilla.points-points-ring-loss-hinge-g.lr-0.0001/seed-1").exists()
    assert all(each.seconds > 0 for each in found.estimates)
    Path("grid.toml").write_text(
        'variants = ["vanilla"]\ndatasets = ["points:ring"]\nseeds = [0]\nsteps = 3\n', "utf-8"
    )
    assert typed(["bench", "grid.toml", "--dry-run", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "1 cells to train: about" in out
    assert not Path("runs").exists()
