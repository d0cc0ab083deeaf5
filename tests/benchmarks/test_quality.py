"""Time to quality: curves of real training runs, and where they reach a fraction of the real score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from clock import Clock
from paths import ROOT
from PIL import Image

from benchmarks import cost, quality, results
from ganzoo.api.bench.grid import read_grid
from ganzoo.evaluation.scoring import Score

TINY = ["--only", "dcgan.digits", "--steps", "4", "--points", "2"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for results, instead of the repository's."""
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    return tmp_path / "results"


def read(folder: Path, name: str = "quality") -> Any:
    return json.loads((folder / f"{name}.json").read_text("utf-8"))


def test_a_training_leaves_its_curve_and_the_product_gives_the_same_last_score(folder: Path) -> None:
    quality.main([*TINY, "--seeds", "0"])
    row = read(folder)["rows"]["dcgan.digits"]["seeds"]["0"]
    assert [point["step"] for point in row["points"]] == [2, 4]
    assert row["steps"] == 4
    assert row["share by ganzoo eval"] == row["whole"]["share"] == row["points"][-1]["share"]
    assert row["reached"] == {"80%": None, "90%": None}, "four steps are not enough"
    assert 9 < row["real"] < 10, "the classifier recognises real digits"


def test_scoring_stops_the_clock(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)

    def scored(*_: Any, **__: Any) -> Score:
        clock.now += 100
        return Score("IS", 2.0, 4.0, "higher", {})

    monkeypatch.setattr(quality.Curve, "_score", scored)
    quality.main([*TINY, "--seeds", "0"])
    points = read(folder)["rows"]["dcgan.digits"]["seeds"]["0"]["points"]
    assert [(point["seconds"], point["cpu seconds"], point["share"]) for point in points] == [(2, 2, 0.5), (4, 4, 0.5)]


def test_the_first_scored_step_with_the_share_counts() -> None:
    shares = (0.1, 0.85, 0.7, 0.95)
    points: list[dict[str, float]] = [{"step": i, "share": share} for i, share in enumerate(shares)]
    assert quality.reached(points, 0.8) == points[1]
    assert quality.reached(points, 0.9) == points[3]
    assert quality.reached(points, 0.96) is None


def test_seeds_of_the_same_machine_are_kept_and_averaged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def row(seconds: float, reached: bool) -> dict[str, Any]:
        point = {"step": 10, "seconds": seconds, "cpu seconds": 2 * seconds, "share": 0.85, "score": 8.5}
        return {"reached": {"80%": point if reached else None}, "whole": point}

    for seed, seconds, there in ((1, 10.0, True), (0, 20.0, True), (2, 99.0, False)):
        quality.record("dcgan.digits", seed, row(seconds, there))
    found = read(folder)["rows"]["dcgan.digits"]
    assert list(found["seeds"]) == ["0", "1", "2"]
    assert found["summary"]["80%"]["seconds"] == {"n": 2, "mean": 15.0, "sd": pytest.approx(50**0.5)}
    assert found["summary"]["seeds"] == 3
    machine = results.machine()
    monkeypatch.setattr(results, "machine", lambda: machine | {"processor": "another"})
    quality.record("dcgan.digits", 0, row(5.0, True))
    quality.record("lsgan.digits", 0, row(5.0, True))
    rows = read(folder)["rows"]
    assert list(rows["dcgan.digits"]["seeds"]) == ["0"], "a recipe's seeds are of one machine"
    monkeypatch.setattr(results, "machine", lambda: machine)
    quality.record("lsgan.digits", 1, row(5.0, True))
    rows = read(folder)["rows"]
    assert list(rows["lsgan.digits"]["seeds"]) == ["1"]
    assert rows["dcgan.digits"]["machine"]["processor"] == "another", "other recipes are kept, with their machine"


def test_the_bundled_recipes_for_small_grey_digits_are_measured() -> None:
    found = set(quality.recipes())
    assert {"dcgan.digits", "dcgan.mnist", "vanilla.mnist", "wgan-gp.mnist", "conditional.digits"} <= found
    assert "dcgan.cifar10" not in found


def test_the_cost_of_a_step_fills_the_budget(folder: Path, tmp_path: Path) -> None:
    grid = tmp_path / "grid.toml"
    cell = '{ variant = "dcgan", dataset = "digits", label = "narrow", set = { width = 2 } }'
    grid.write_text(f'variants = ["dcgan"]\ndatasets = ["digits"]\nseeds = [0]\ncells = [{cell}]\n', "utf-8")
    cost.main([str(grid), "--rounds", "2", "--steps", "1", "--budget", "60"])
    cells = read(folder, "grid-cost")["cells"]
    assert list(cells) == ["dcgan.digits on digits", "narrow"]
    for row in cells.values():
        assert row["min"] <= row["seconds a step"] <= row["max"]
        assert row["steps"] % 50 == 0
        assert abs(row["steps"] - 60 / row["seconds a step"]) <= 25


def test_the_rows_that_were_tried_have_the_steps_that_were_measured() -> None:
    costs = json.loads((ROOT / "benchmarks" / "results" / "tried-cost.json").read_text("utf-8"))["cells"]
    groups = read_grid(ROOT / "benchmarks" / "tried.toml").groups
    assert {group.label or group.title: group.set["steps"] for group in groups} == {
        name: row["steps"] for name, row in costs.items()
    }


def test_measured_curves_are_drawn_again_without_training(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [{"step": n, "seconds": n, "cpu seconds": float(n), "share": n / 10} for n in range(1, 10)]
    for seed in (0, 1):
        quality.record("dcgan.digits", seed, {"reached": {}, "whole": points[-1], "points": points})
    monkeypatch.setattr(quality, "IMAGES", tmp_path / "images")
    monkeypatch.setattr(quality, "measure", None)
    quality.main(["--draw"])
    with Image.open(tmp_path / "images" / "quality.png") as picture:
        assert picture.width > picture.height
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 10, "something is drawn"
