"""A game, a loss or a callback that refuses to go on in mid-run: what is saved, and what the message names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small import SMALL

import ganzoo
from ganzoo.cli import run
from ganzoo.errors import GanzooError
from ganzoo.files import checkpoint
from ganzoo.game import Progress
from ganzoo.games.losses import NonSaturating
from ganzoo.games.two_player import TwoPlayer

KEYS = SMALL | {"batch": "8", "loss": "non-saturating"}


def in_call(number: int, call: Callable[..., Any], text: str) -> Callable[..., Any]:
    """A method that raises in its call of this number, counted from 1."""
    calls = 0

    def failing(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls >= number:
            raise GanzooError(text)
        return call(*arguments, **options)

    return failing


def train(folder: Path, steps: int = 10) -> ganzoo.Run:
    return ganzoo.train(
        "vanilla", dataset="digits", steps=steps, set=KEYS, out=str(folder), save_every=2, device="cpu", progress=False
    )


@pytest.mark.parametrize("text", ["the moon is wrong", "the moon is wrong."])
def test_a_loss_that_refuses_is_named_with_what_was_saved(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "r"
    monkeypatch.setattr(NonSaturating, "generator", in_call(7, NonSaturating.generator, text))
    with pytest.raises(GanzooError) as caught:
        train(here)
    assert str(caught.value) == (
        "'vanilla' failed in step 6: the moon is wrong. The checkpoint of step 4 is intact; "
        f"resume with `ganzoo resume {here}`."
    )
    monkeypatch.undo()
    resumed = ganzoo.resume(here, device="cpu", progress=False)
    straight = train(tmp_path / "straight")
    states = [checkpoint.newest(found.checkpoints)[1]["gan"] for found in (resumed, straight)]
    assert states[0].keys() == states[1].keys()
    assert all((states[0][name] == states[1][name]).all() for name in states[0])


def test_a_game_that_refuses_before_a_step_is_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_step(game: TwoPlayer, progress: Progress) -> None:
        if progress.step == 5:
            raise GanzooError("it cannot grow.")

    monkeypatch.setattr(TwoPlayer, "on_step", on_step)
    with pytest.raises(GanzooError, match=r"^'vanilla' failed in step 6: it cannot grow\. The checkpoint of step 4 is"):
        train(tmp_path / "r")


def test_on_the_command_line_it_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(NonSaturating, "generator", in_call(1, NonSaturating.generator, "two\nlines"))
    keys = [part for name, value in KEYS.items() for part in ("--set", f"{name}={value}")]
    here = str(tmp_path / "r")
    assert (
        run(["train", "vanilla", "--dataset", "digits", "--steps", "2", "--device", "cpu", "--out", here, *keys]) == 2
    )
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert errors == ["error: 'vanilla' failed in step 1: two lines. Nothing was saved yet."]
