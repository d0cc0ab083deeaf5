"""Groups of another machine's report join the results of the zoo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import merge, results


def group(recipe: str, dataset: str, done: list[int]) -> dict[str, Any]:
    return {"recipe": recipe, "dataset": dataset, "folder": f"{recipe}-{dataset}", "done": done}


def report(processor: str, *groups: dict[str, Any], seeds: tuple[int, ...] = (0, 1)) -> dict[str, Any]:
    return {"machine": {"processor": processor}, "seeds": list(seeds), "groups": list(groups)}


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    path = tmp_path / "zoo.json"
    content = report("slow", group("a.mnist", "mnist", [0]), group("b.mnist", "mnist", [0]), group("a.x", "x", [0]))
    path.write_text(json.dumps(content))
    return path


def test_groups_are_replaced_or_added_beside_their_data_set_with_their_machine(zoo: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.json"
    found = [group("c.mnist", "mnist", [0]), group("a.mnist", "mnist", [0, 1]), group("b.mnist", "mnist", [])]
    new.write_text(json.dumps(report("fast", *found)))
    assert merge.main([str(new)]) == 0
    after = json.loads(zoo.read_text())
    assert [row["recipe"] for row in after["groups"]] == ["a.mnist", "b.mnist", "c.mnist", "a.x"]
    assert [row["done"] for row in after["groups"]] == [[0, 1], [0], [0], [0]], "unfinished groups replace nothing"
    machines = [row.get("machine", {}).get("processor") for row in after["groups"]]
    assert machines == ["fast", None, "fast", None]
    assert after["machine"] == {"processor": "slow"}


def test_other_seeds_are_refused(zoo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = zoo.read_text()
    new = tmp_path / "new.json"
    new.write_text(json.dumps(report("fast", group("a.mnist", "mnist", [0]), seeds=(0, 1, 2))))
    assert merge.main([str(new)]) == 2
    assert "has the seeds [0, 1, 2]" in capsys.readouterr().err
    assert zoo.read_text() == before
