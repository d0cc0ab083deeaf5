"""The benchmark of CIFAR-10 recipes, on the CPU with digits: points, stopping, going on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ganzoo
from benchmarks import cifar10, results


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(cifar10, "DATASET", "digits")
    return tmp_path


def words(folder: Path, *more: str) -> list[str]:
    given = ["--only", "lsgan.digits", "--runs", str(folder / "runs"), "--steps", "50", "--points", "2"]
    return [*given, "--samples", "100", "--device", "cpu", *more]


def points(folder: Path) -> list[dict[str, Any]]:
    (row,) = json.loads((folder / "results" / "cifar10.json").read_text("utf-8"))["rows"].values()
    found: list[dict[str, Any]] = row["points"]
    return found


def test_it_stops_in_time_and_goes_on_to_the_run_that_was_not_stopped(folder: Path) -> None:
    cifar10.main(words(folder, "--minutes", "0"))
    assert [point["step"] for point in points(folder)] == [20]
    cifar10.main(words(folder))
    found = points(folder)
    assert [(point["step"], point["of"]) for point in found] == [(20, 50), (40, 50), (50, 50)]
    assert found == sorted(found, key=lambda point: point["seconds"])
    assert all(set(point["scores"]) == {"IS[domain:digits]", "FD[domain:digits]"} for point in found)
    run = ganzoo.load(folder / "runs" / "lsgan.digits-0")
    whole = ganzoo.train("lsgan.digits", steps=50, out=folder / "whole", device="cpu", progress=False)
    assert run.sample(4).equal(whole.sample(4)), "pieces give what one training run gives"
    cifar10.main(words(folder))
    assert points(folder) == found, "what is finished is left alone"
    log = folder / "runs" / "lsgan.digits-0" / "points.jsonl"
    log.write_text("".join(log.read_text("utf-8").splitlines(keepends=True)[:-1]), "utf-8")
    cifar10.main(words(folder))
    assert points(folder) == found, "a run that was killed before its last score is scored"


def test_inception_features_are_used_with_their_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def evaluated(run: Any, n: Any, **options: Any) -> Any:
        asked.append(options)
        return type("Scores", (), {"scores": []})()

    monkeypatch.setattr(ganzoo, "evaluate", evaluated, raising=False)
    cifar10.main(words(folder, "--minutes", "0", "--weights", "inception.pth"))
    assert (asked[0]["features"], asked[0]["weights"]) == ("inception", "inception.pth")


@pytest.mark.parametrize(
    ("step", "steps", "expected"),
    [(0, 400, 100), (100, 400, 200), (399, 400, 400), (110, 450, 200), (400, 450, 450), (0, 8, 8)],
)
def test_the_next_point(step: int, steps: int, expected: int) -> None:
    assert cifar10.following(step, steps, 4) == expected


def test_the_recipes_of_the_data_set_are_followed() -> None:
    assert {"dcgan.cifar10", "sngan.cifar10"} <= set(cifar10.recipes())
    assert "dcgan.digits" not in set(cifar10.recipes())
