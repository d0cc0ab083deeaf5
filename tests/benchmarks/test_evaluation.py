"""The benchmark of scoring: every stage is timed, and a part runs in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import evaluation, results
from ganzoo.evaluation.features import classifier

STAGES = {
    "drawing samples", "features of samples", "features of training images", "features of held-out images",
    "ganzoo.evaluate, first time", "ganzoo.evaluate, again",
}  # fmt: skip


def test_every_stage_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def here(folder: Path, threads: int, words: list[str]) -> dict[str, Any]:
        options = evaluation.parse([*words, "--folder", str(folder)])
        asked.append(options.part)
        # This process has a single rank, whatever was requested.
        options.ranks = 1
        evaluation.part(options)
        found: dict[str, Any] = json.loads((folder / "found.json").read_text("utf-8"))
        return found

    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(classifier, "MIN_STEPS", 20)
    monkeypatch.setattr(classifier, "MAX_STEPS", 20)
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(evaluation, "run_part", here)
    words = ["--n", "300", "--repetitions", "1", "--inception", "2", "--keep", str(tmp_path / "kept")]
    evaluation.main(words)
    found = json.loads((tmp_path / "results" / "evaluation.json").read_text("utf-8"))
    assert asked == ["prepare", *["score"] * 3, *["inception"] * 3]
    assert (found["data"], found["n"], found["shape"]) == ("digits", 300, [1, 8, 8])
    for config in evaluation.CONFIGURATIONS:
        seconds = found["seconds"][config]
        assert set(seconds) >= STAGES
        assert set(seconds) - STAGES == {"IS", "FD", "KID", "PRC", "density"}
        assert all(part["median"] > 0 for part in seconds.values())
        assert found["inception-v3, random weights"][config]["seconds per image"] > 0
    assert found[evaluation.CLASSIFIER] > 0
    monkeypatch.setattr(evaluation, "run_part", None)
    evaluation.main([*words, "--repetitions", "0"])
    assert json.loads((tmp_path / "results" / "evaluation.json").read_text("utf-8"))["seconds"] == found["seconds"]
    assert found["command"] == "python -m benchmarks.evaluation --n 300"


@pytest.mark.slow
def test_a_part_runs_on_two_ranks_as_a_process(tmp_path: Path) -> None:
    found = evaluation.run_part(tmp_path, 1, ["--part", "inception", "--ranks", "2", "--inception", "20", "--n", "300"])
    assert found["seconds"] > 0
