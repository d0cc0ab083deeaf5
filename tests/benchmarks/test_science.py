"""The claims of papers: what theory says of the Dirac-GAN, and that every claim trains, is recorded and is drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from benchmarks import results, science
from benchmarks.claims import augmentation, dirac, spectral_norm, truncation
from benchmarks.claims.setting import Setting


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for results and figures, instead of the repository's."""
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(science, "IMAGES", tmp_path / "images")
    return tmp_path


def test_the_radius_is_that_of_the_matrix_by_hand() -> None:
    # D, then G: [[1, h/2], [0, 1]] [[1, 0], [-h/2, 1 - h w]] has determinant 1 - h w and trace 2 - h w - h^2/4.
    h, w = 0.1, 1.0
    trace, determinant = 2 - h * w - h * h / 4, 1 - h * w
    root = trace / 2 + (trace * trace / 4 - determinant) ** 0.5
    assert dirac.spectral_radius(w, 0.0, h) == pytest.approx(root)
    assert dirac.spectral_radius(0.0, 0.0, h) == pytest.approx(1.0), "without a penalty it circles for ever"


def test_the_trainer_plays_the_dirac_gan_as_theory_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dirac, "OPTIMISERS", {"SGD": {"name": "sgd"}})
    monkeypatch.setattr(dirac, "STEPS", 240)
    science.main(["--only", "dirac", "--runs", str(folder / "runs")])
    without, with_r1 = json.loads((folder / "results" / "science.json").read_text("utf-8"))["claims"]["dirac"]["rows"]
    assert without["distance"][-1] > 0.7 * without["distance"][0]
    assert with_r1["distance"][-1] < 0.01 * with_r1["distance"][0]
    assert with_r1["measured"] == pytest.approx(with_r1["spectral radius"], abs=1e-3)
    assert (folder / "images" / "claim-dirac.png").stat().st_size > 5000


def test_a_claim_that_is_measured_on_another_machine_leaves_the_others_their_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, processor in (("a", "one"), ("b", "two")):
        monkeypatch.setattr(science, "machine", lambda processor=processor: {"date": "today", "processor": processor})
        science.record(name, {"rows": []})
    assert {name: found["processor"] for name, found in science.read()["claims"].items()} == {"a": "one", "b": "two"}


def test_spectral_normalisation_is_trained_scored_and_drawn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectral_norm, "FACTORS", (1.0, 1e33))
    words = ["--only", "spectral-norm", "--runs", str(folder / "runs"), "--seeds", "0", "--steps", "3"]
    science.main(words)
    found = science.read()["claims"]["spectral-norm"]
    assert all(len(rows) == 1 and len(rows[0]) == 2 for rows in found["scores"].values())
    assert found["scores"]["without"][0][1] == 1.0, "not finite: no samples"
    written = (folder / "runs" / "sn-with-1" / "seed-0" / "scores.json").stat().st_mtime_ns
    science.main(words)
    assert (folder / "runs" / "sn-with-1" / "seed-0" / "recipe.json").stat().st_mtime_ns <= written
    assert science.read()["claims"]["spectral-norm"] == found, "the second start finds the runs of the first"


FOUND: dict[str, Any] = {
    "truncation": {
        "thresholds": [0.5, 1.0],
        "scores": {"precision": [[0.9, 0.8]], "recall": [[0.1, 0.6]], "FD": [[3.0, 1.0]]},
    },
    "packing": {"packs": [1, 2], "scores": {"modes": [[300, 500], [200, 600]]}},
    "augmentation": {"FD": {"100 %": [1.0, 2.0], "10 %": [3.0, 4.0], "10 %, DiffAugment": [2.0, 2.0]}},
}


@pytest.mark.parametrize("name", FOUND)
def test_a_claim_is_drawn_and_told_from_its_numbers(name: str) -> None:
    figure = Figure()
    science.CLAIMS[name].draw(FOUND[name], figure)
    assert figure.axes[0].get_ylabel() or figure.axes[0].get_xlabel()
    lines = dict(science.CLAIMS[name].summary(FOUND[name]))
    assert all(lines.values())


def test_the_gap_is_to_training_on_everything() -> None:
    assert augmentation.gaps(FOUND["augmentation"]) == {"10 %": 2.0, "10 %, DiffAugment": 0.5}


def test_truncated_samples_are_scored_against_the_whole_data_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Any]] = []

    def scored(target: Any, metrics: str, setting: Setting, against: Any = None) -> dict[str, float]:
        asked.append((Path(target).name, against))
        return {"precision": 1.0, "recall": 0.5, "FD": 2.0}

    monkeypatch.setattr(truncation, "scores", scored)
    monkeypatch.setattr(truncation, "RECIPE", "dcgan.digits")
    monkeypatch.setattr(truncation, "SAMPLES", 4)
    monkeypatch.setattr(truncation, "THRESHOLDS", (0.5, 2.0))
    found = truncation.measure(Setting(folder, seeds=(0, 1), steps=2))
    assert [name for name, _ in asked] == [f"truncated-{seed}-{t}.npz" for seed in (0, 1) for t in ("0.5", "2")]
    assert {against for _, against in asked} == {"mnist"}
    assert found["scores"]["recall"] == [[0.5, 0.5], [0.5, 0.5]]
