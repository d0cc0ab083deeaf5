"""Ways to compute a gradient penalty give the same gradients, and are timed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks import penalties, results


def test_both_ways_give_the_gradient_of_a_penalty_known_in_closed_form() -> None:
    """D(x) = w x^2 / 2 with one number has the slope w x; the penalty's gradient is the mean of 20 (|w x| - 1) |x|."""

    class Square(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor(0.7))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.weight * x.flatten() ** 2 / 2

    x = torch.tensor([1.0, -2.0, 3.0, 0.5])
    expected = (20 * (0.7 * x.abs() - 1) * x.abs()).mean()
    for way in (penalties.reverse_over_reverse, penalties.forward_over_reverse):
        (found,) = way(Square(), x[:, None, None, None])
        assert found.item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_ways_are_timed_and_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(penalties, "STEPS", {"small, R1": ("vanilla.mnist", {"penalties": "r1", "batch": 4})})
    monkeypatch.setattr(penalties, "CRITICS", {"small": ("wgan-gp.mnist", {"width": 2, "batch": 4}, (1, 28, 28))})
    penalties.main(["--repetitions", "1"])
    rows = json.loads((tmp_path / "penalties.json").read_text("utf-8"))["rows"]
    assert list(rows["small, R1"]["ms"]) == [penalties.SHARED, penalties.OWN]
    assert len(rows["small"]["ms"]) == 4
    assert rows["small"]["difference"] < 1e-3
    assert all(value > 0 for row in rows.values() for value in row["ms"].values())
