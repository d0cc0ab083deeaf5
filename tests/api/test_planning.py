"""What is said before a training run begins."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ganzoo.api import planning
from ganzoo.api.planning import advice_on_ranks
from ganzoo.recipes import RunOptions
from ganzoo.training.trainer import Trainer
from ganzoo.zoo.datasets import load_data


def test_ranks_on_the_cores_of_one_machine_get_a_note() -> None:
    (line,) = advice_on_ranks(RunOptions(devices=2), "cpu")
    assert line.startswith("note: 2 ranks on the cores of one machine are slower than threads")
    assert advice_on_ranks(RunOptions(devices=2), "cuda") == []
    assert advice_on_ranks(RunOptions(), "cpu") == []
    # Ranks on several machines have cores of their own.
    assert advice_on_ranks(RunOptions(nodes=2), "cpu") == []


@pytest.mark.parametrize(("seconds", "played"), [(0.5, 6), (4.0, 2), (60.0, 1)])
def test_an_estimate_does_not_wait_for_slow_steps(seconds: float, played: int, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[Any] = []
    monkeypatch.setattr(Trainer, "play_step", lambda self: steps.append(self))
    monkeypatch.setattr(planning, "time", SimpleNamespace(perf_counter=lambda: seconds * len(steps)))
    plan = planning.plan("vanilla", dataset="points", steps=100, device="cpu")
    assert planning.estimate(plan, load_data(plan.recipe.data, plan.options)) == pytest.approx(100 * seconds)
    # The first step warms up and is not measured.
    assert len(steps) == 1 + played
