"""Metrics that are added to a grid: finished cells are scored by them, and not trained again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small import SMALL

import ganzoo
from ganzoo.api.bench.cells import is_scored
from ganzoo.api.bench.runner import bench, estimate
from ganzoo.errors import GanzooError

GRID: dict[str, Any] = {
    "variants": ["vanilla"],
    "datasets": ["points:ring"],
    "seeds": [0, 1],
    "steps": 6,
    "set": {key: value for key, value in SMALL.items() if key != "batch"} | {"batch": 16},
    "metrics": ["modes"],
}
RUN = Path("out/vanilla.points-points-ring/seed-1")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ganzoo.evaluation.metrics.points.W2_SAMPLES", 100)


def measured() -> set[str]:
    return {score["protocol"]["metric"] for score in (ganzoo.load(RUN).scores or {})["scores"]}


def test_a_metric_that_is_added_is_measured_of_finished_cells() -> None:
    bench(GRID, out="out")
    assert measured() == {"modes"}
    trained = (RUN / "metrics.jsonl").read_bytes(), sorted((RUN / "checkpoints").iterdir())

    more = {**GRID, "metrics": ["modes", "w2"]}
    assert estimate(more, out="out").estimates[0].unfinished == []
    lines: list[str] = []
    report = bench(more, out="out", report=lines.append).report
    assert measured() == {"modes", "w2"}
    assert trained == ((RUN / "metrics.jsonl").read_bytes(), sorted((RUN / "checkpoints").iterdir()))
    assert not [line for line in lines if "already finished" in line]
    assert {score["protocol"]["metric"] for score in report["groups"][0]["scores"]} == {"modes", "w2"}

    for grid in (more, GRID, {**GRID, "metrics": ["w2"]}):
        lines.clear()
        bench(grid, out="out", report=lines.append)
        assert len([line for line in lines if "already finished" in line]) == 2
    assert measured() == {"modes", "w2"}


def test_a_cell_that_cannot_be_scored_by_it_keeps_its_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    bench(GRID, out="out")

    def fails(*_: Any, **__: Any) -> None:
        raise GanzooError("no such weights.")

    monkeypatch.setattr("ganzoo.api.bench.cells.evaluate", fails)
    found = bench({**GRID, "metrics": ["modes", "w2"]}, out="out")
    assert list(found.failed.values()) == ["no such weights."] * 2
    assert found.report["groups"][0]["done"] == [0, 1]
    assert measured() == {"modes"}


@pytest.mark.parametrize(
    ("space", "metrics", "scored"),
    [
        ("domain:digits", "fd", True),
        ("domain:digits", "fid", False),
        ("inception-v3-compat", "fid", True),
        ("inception-v3-compat", "fid,kid", False),
        ("domain:digits", None, True),
    ],
)
def test_fid_is_the_frechet_distance_on_inception_features_only(space: str, metrics: str | None, scored: bool) -> None:
    protocol = {"metric": "fd", "features": {"space": space}, "step": 9}
    run: Any = SimpleNamespace(
        scores={"scores": [{"protocol": protocol}], "notes": []}, recipe=SimpleNamespace(steps=9)
    )
    assert is_scored(run, metrics) is scored
