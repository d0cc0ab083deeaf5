"""The figure of fine-tuning: a curve for each way to start, in both plots."""

from __future__ import annotations

from typing import Any

from benchmarks import finetuning
from ganzoo.pictures.plots import new_figure


def row(value: float) -> dict[str, Any]:
    scores = {"IS[domain:npz]": value, "FD[domain:npz]": 1 / value}
    return {"evaluations": [{"step": step, "scores": scores} for step in (1, 2)], "end": {}}


def test_every_way_has_its_mean_and_its_seeds() -> None:
    found = {"ways": {"random weights": [row(2.0), row(4.0)], "from a": [row(5.0), row(5.0)]}}
    figure = new_figure(6, 3)
    finetuning.draw(found, figure)
    left, right = figure.axes
    assert list(left.lines[0].get_ydata()) == [3.0, 3.0]
    assert len(right.lines) == 2 * (1 + 2)
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["random weights", "from a"]
    assert right.get_yscale() == "log"
