"""The progress of a training: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console
from small import SMALL, recipe, trainer

import ganzoo
from ganzoo.callbacks import Callback
from ganzoo.errors import TrainingError
from ganzoo.runs.callbacks import progress
from ganzoo.runs.callbacks.progress import ProgressBar, ending_bar


def test_a_bar_on_a_terminal_ends_where_the_training_does(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda stderr: Console(file=screen, force_terminal=True, width=100))
    bar = ProgressBar()
    with ending_bar([bar]):
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


SHOWN, HIDDEN = "\x1b[?25h", "\x1b[?25l"


@pytest.mark.parametrize("rate", ["1e-4", "1e30"])
def test_the_bar_ends_with_a_line_of_its_own_and_the_cursor_shown_also_if_training_fails(
    rate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen, errors = io.StringIO(), sys.stderr
    monkeypatch.setattr(progress, "Console", lambda stderr: Console(file=screen, force_terminal=True, width=80))
    keys = SMALL | {"g.lr": rate, "d.lr": rate}
    try:
        ganzoo.train("vanilla", out=str(tmp_path / "run"), steps=30, set=keys, progress=True, device="cpu")
        failed = False
    except TrainingError:
        failed = True
    assert failed == (rate == "1e30")
    assert screen.getvalue().count(SHOWN) == screen.getvalue().count(HIDDEN) == 1
    assert screen.getvalue().endswith(f"\n{SHOWN}")
    assert sys.stderr is errors


def test_lines_at_the_end_of_a_run_are_broken_between_words_above_the_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda stderr: Console(file=screen, force_terminal=True, width=80))

    class Last(Callback):
        def on_end(self, trainer: object) -> None:
            print("ten words " * 9, file=sys.stderr)

    path = str(tmp_path / "run")
    ganzoo.train("vanilla", out=path, steps=3, set=SMALL, progress=True, device="cpu", callbacks=[Last()])
    printed = screen.getvalue()
    assert f"{'ten words ' * 8}\nten words \n" in printed
    assert "3/3" in printed.rpartition("ten words")[2]
