"""Cells of a benchmark that start from the weights of other runs."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from small import SMALL

import ganzoo
from ganzoo.api.bench import cells
from ganzoo.api.bench.dry_run import dry_run
from ganzoo.api.bench.grid import Cell, Group, cell_plan, make_grid
from ganzoo.api.bench.runner import bench
from ganzoo.errors import GanzooError
from ganzoo.runs.initial import Init
from ganzoo.runs.run import Run

CELL = {"variant": "vanilla", "dataset": "points:ring"}
# Other metrics take seconds a cell.
OPTIONS: dict[str, Any] = {"device": "cpu", "progress": False, "metrics": "modes"}


def grid(**cell: Any) -> dict[str, Any]:
    """Two seeds of two cells: from random weights, and from others."""
    return {
        "seeds": [0, 1],
        "steps": 2,
        "set": {**SMALL, "ema": 0},
        "cells": [CELL, {**CELL, "label": "tuned", **cell}],
    }


@pytest.fixture(autouse=True)
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> None:
    """The runs before-0 and before-1, of different seeds."""
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        ganzoo.train(
            "vanilla", dataset="points:grid", seed=seed + 7, steps=1, set=SMALL, out=f"before-{seed}", **OPTIONS
        )


def tuned(seed: int) -> Run:
    return Run.open(Path("out") / "vanilla.points-points-ring-tuned" / f"seed-{seed}")


def test_each_seed_starts_from_its_own_run() -> None:
    done = bench(grid(init_from="before-{seed}", init_players=["g"], init_raw=True), out="out", **OPTIONS)
    assert not done.failed
    for seed in (0, 1):
        record = tuned(seed).info["initialised"]
        assert Path(record["source"]).name == f"before-{seed}"
        assert {name: player["weights"] for name, player in record["players"].items()} == {"g": "raw"}
        fresh = Run.open(Path("out") / "vanilla.points-points-ring" / f"seed-{seed}")
        assert "initialised" not in fresh.info
    (scratch, from_weights) = done.report["groups"]
    assert "init" not in scratch
    assert from_weights["init"]["init_from"] == "before-{seed}"


def test_a_finished_cell_stays_finished_when_its_source_is_gone() -> None:
    one = make_grid({**grid(), "seeds": [0], "cells": [{**CELL, "init_from": "before-{seed}"}]})
    cells.finish(Path("out"), one.cells[0], lambda line: None, **OPTIONS)
    shutil.rmtree("before-0")
    assert all(cells.read_state(Path("out"), cell).status == "finished" for cell in one.cells)
    cells.require_start(Path("out"), one.cells[0])


@pytest.mark.parametrize("other", [{"init_from": "before-1"}, {}])
def test_a_run_that_started_from_other_weights_is_a_mismatch(other: dict[str, Any]) -> None:
    first = make_grid(grid(init_from="before-0")).cells[2]
    cells.finish(Path("out"), first, lambda line: None, **OPTIONS)
    state = cells.read_state(Path("out"), make_grid(grid(**other)).cells[2])
    assert state.status == "mismatch"
    assert "init_from is" in state.message
    assert "before-0" in state.message


def test_weights_that_are_not_there_are_refused_before_anything_is_trained() -> None:
    with pytest.raises(GanzooError, match=r"seed 1: .*before-x does not exist"):
        bench(grid(init_from="before-x"), out="out", shard=(2, 2), **OPTIONS)
    with pytest.raises(GanzooError, match="before-x does not exist"):
        dry_run(make_grid(grid(init_from="before-x")), Path("out"), OPTIONS)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ({"init_from": 3}, 'init_from must be a path in quotes, as init_from = "runs/dcgan-mnist-1"'),
        ({"init_players": ["g"]}, "init_from must be a path in quotes"),
        ({"init_from": "before-0", "init_raw": "yes"}, "init_raw must be true or false"),
        ({"init_from": "before-0", "init_players": "g"}, "init_players must be a list of names in quotes"),
    ],
)
def test_mistakes_are_named(cell: dict[str, Any], message: str) -> None:
    with pytest.raises(GanzooError, match=message):
        make_grid(grid(**cell))


def test_another_process_is_given_where_to_start_from() -> None:
    """As side_by_side.py sends a group, and worker.py reads it."""
    group = make_grid(grid(init_from="before-{seed}", init_players=["g"])).groups[1]
    received = Group(**json.loads(json.dumps(dataclasses.asdict(group))))
    assert cell_plan(Cell(received, 1)).init == cell_plan(Cell(group, 1)).init == Init("before-1", ("g",))


def test_without_a_label_the_source_tells_groups_apart() -> None:
    made = make_grid({"seeds": [0], "cells": [{**CELL, "init_from": "before-0"}]})
    assert Cell(made.groups[0], 0).title == "vanilla.points on points:ring (from before-0), seed 0"
