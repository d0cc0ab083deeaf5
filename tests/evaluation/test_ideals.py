"""The best of several values: highest, lowest, or nearest to the ideal."""

from __future__ import annotations

import json

import pytest

from ganzoo.evaluation.ideals import Better, best_of, decides, describe, is_better
from ganzoo.evaluation.score_files import read_scores


@pytest.mark.parametrize(
    ("better", "values", "best"),
    [
        ("higher", [1.0, 3.0, 2.0], 3.0),
        ("lower", [1.0, 3.0, 2.0], 1.0),
        (0.0, [-0.1075, 0.02, 0.5], 0.02),
        (0.0, [-0.01, 0.02], -0.01),
        (1.0, [0.7, 1.2, 1.6], 1.2),
        (0, [2.0, -1.0], -1.0),
    ],
)
def test_the_best_value_is_nearest_to_the_ideal(better: Better, values: list[float], best: float) -> None:
    assert best_of(better, values) == best
    for value in values:
        assert is_better(better, best, value) == (value != best)
        assert not is_better(better, value, best)


def test_an_equally_near_value_is_not_better() -> None:
    assert not is_better(0.0, 0.5, -0.5)
    assert not is_better(0.0, -0.5, 0.5)
    assert not is_better("lower", 1.0, 1.0)


def test_they_are_described() -> None:
    assert [describe(better) for better in ("higher", "lower", "", 0.0, 1.0)] == [
        *("higher is better", "lower is better", "", "0 is best", "1 is best")
    ]
    assert decides(0.0)
    assert not decides("")


def test_an_ideal_and_errors_are_read_from_a_file_of_scores(tmp_path: pytest.TempPathFactory) -> None:
    row = {"name": "KD", "value": -0.1, "real": 0.01, "better": 0.0, "error": 0.02, "real_error": None, "protocol": {}}
    path = tmp_path / "scores.json"  # type: ignore[operator]
    path.write_text(json.dumps({"scores": [row], "notes": []}))
    found = read_scores(path)
    assert found is not None
    assert found["scores"][0]["better"] == 0.0
