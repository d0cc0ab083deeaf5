"""The progress of a training: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from small import recipe, trainer

from ganzoo.callbacks import Callback
from ganzoo.runs.callbacks import progress
from ganzoo.runs.callbacks.progress import ProgressBar


def test_a_bar_on_a_terminal_ends_where_the_training_does(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda stderr: Console(file=screen, force_terminal=True, width=100))
    bar = ProgressBar()
    trainer(recipe(steps=30), callbacks=[bar]).fit()
    task = bar.bar.tasks[0]
    assert task.finished
    assert task.completed == 30
    last = screen.getvalue().rpartition("step")[2]
    assert "30/30" in last
    assert "d/loss" in last


def test_the_bar_moves_during_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "Console", lambda stderr: Console(file=io.StringIO(), force_terminal=True))
    monkeypatch.setattr(progress, "REFRESH_SECONDS", 0.0)
    bar = ProgressBar()
    seen: list[float] = []

    class Watch(Callback):
        def on_step(self, trainer: object) -> None:
            seen.append(bar.bar.tasks[0].completed)

    trainer(recipe(steps=4), callbacks=[bar, Watch()]).fit()
    assert seen == [1, 2, 3, 4]


def test_elsewhere_there_is_a_line_every_tenth_of_the_way(capfd: pytest.CaptureFixture[str]) -> None:
    trainer(recipe(steps=40), callbacks=[ProgressBar()]).fit()
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("step ")]
    assert [line.split()[1] for line in lines] == [f"{4 * i}/40" for i in range(1, 11)]
    assert all("left" in line for line in lines)


def test_elsewhere_a_slow_run_has_more_lines(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PRINT_SECONDS", 0.0)
    trainer(recipe(steps=20), callbacks=[ProgressBar()]).fit()
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("step ")]
    assert len(lines) == 20
