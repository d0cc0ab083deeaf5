"""--metrics of train, resume and bench: what samples are scored by at the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small import SET, SMALL

import ganzoo
from ganzoo import cli
from ganzoo.api.bench.report import tables
from ganzoo.errors import GanzooError
from ganzoo.reporting.repeating import repeat

GRID: dict[str, Any] = {
    "variants": ["vanilla"],
    "datasets": ["points:ring"],
    "seeds": [0],
    "steps": 4,
    "set": SMALL,
    "metrics": ["mmd"],
}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def names(run: str | Path) -> set[str]:
    found = json.loads((Path(run) / "scores.json").read_text())
    return {row["protocol"]["metric"] for row in found["scores"]}


def trained(*words: str) -> int:
    return cli.run(["train", "vanilla", "--dataset", "points:ring", *SET, "--steps", "4", "--out", "run", *words])


def test_training_scores_by_the_metrics_that_are_named_and_resume_by_the_same() -> None:
    assert trained("--metrics", "mmd") == 0
    assert names("run") == {"mmd"}
    assert ganzoo.load("run").info["options"]["metrics"] == "mmd"
    Path("run/scores.json").unlink()
    assert cli.run(["resume", "run", "--steps", "6"]) == 0
    assert names("run") == {"mmd"}
    assert cli.run(["resume", "run", "--steps", "8", "--metrics", "modes"]) == 0
    assert names("run") == {"modes"}


def test_the_command_that_repeats_a_run_names_its_metrics() -> None:
    assert trained("--metrics", "mmd", "--no-scores") == 0
    assert repeat(ganzoo.load("run")).command.endswith("--metrics mmd")


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ("mdm", "unknown metric 'mdm'"),
        ("augmentation", "the metric 'augmentation' scores data of the kind image, not points: leave it out."),
        ("", "no metric is named"),
    ],
)
def test_a_metric_that_cannot_be_is_one_line_before_anything_is_trained(
    metrics: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert trained("--metrics", metrics) == 2
    error = capfd.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not Path("run").exists()


def test_a_grid_names_the_metrics_of_its_cells() -> None:
    done = ganzoo.bench(GRID, out="out", progress=False)
    assert not done.failed
    assert {score["name"] for group in done.report["groups"] for score in group["scores"]} == {"MMD"}


def test_the_option_goes_before_the_grid() -> None:
    done = ganzoo.bench(GRID, out="out", progress=False, metrics="modes")
    assert {score["name"] for group in done.report["groups"] for score in group["scores"]} == {"modes", "quality"}


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (["mdm"], "unknown metric 'mdm'"),
        (["augmentation"], "scores data of the kind image, not points"),
        ("mmd", 'metrics must be a list of names in quotes, as metrics = ["digits"]'),
        ([], "metrics is empty"),
    ],
)
def test_a_wrong_metric_of_a_grid_is_refused_before_anything_is_trained(metrics: Any, message: str) -> None:
    with pytest.raises(GanzooError, match=message.replace("[", r"\[")):
        ganzoo.bench(GRID | {"metrics": metrics}, out="out", progress=False)
    assert not Path("out").exists()


def report(*reals: float) -> dict[str, Any]:
    """A report of groups with one comparable score, whose real data differ."""
    protocol = {"name": "accuracy359_test", "split": "test"}

    def group(number: int, real: float) -> dict[str, Any]:
        score = {"name": "accuracy", "better": "higher", "equal_protocols": True, "protocol": protocol}
        score |= {
            "n": 1,
            "mean": 0.5 + number / 10,
            "sd": None,
            "real": {"n": 1, "mean": real, "sd": None, "error": None},
        }
        cost = {"n": 1, "mean": 1.0, "sd": None}
        return {
            "recipe": "conditional.digits",
            "dataset": "digits",
            "label": "",
            "sweep": {"data.fraction": (number + 1) / 10},
            "done": [0],
            "missing": {},
            "scores": [score],
            "seconds": cost,
            "cpu_seconds": cost,
            "hardware": [],
        }

    return {"groups": [group(number, real) for number, real in enumerate(reals)]}


def test_real_data_that_differ_between_rows_are_named_with_their_rows() -> None:
    (table,) = tables(report(0.6, 0.9))
    assert [row[2] for row in table.rows] == ["0.5", "0.6", ""]
    wanted = "accuracy of real data: 0.6 for conditional.digits (data.fraction=0.1), "
    assert wanted + "0.9 for conditional.digits (data.fraction=0.2)" in table.notes


def test_real_data_that_are_the_same_have_a_row() -> None:
    (table,) = tables(report(0.9, 0.9))
    assert [row[2] for row in table.rows] == ["0.5", "0.6", "0.9"]
    assert not [note for note in table.notes if "of real data:" in note]
