"""Threads share torch's random generators: one training run in a process at a time, and no sampling beside it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from small import recipe, same
from small import trainer as make_trainer

import ganzoo
from ganzoo.callbacks import Callback
from ganzoo.errors import GanzooError


class InAnotherThread(Callback):
    """Does something in a thread of its own after the second step, and keeps what it raised."""

    def __init__(self, action: Any) -> None:
        self.action = action
        self.error: BaseException | None = None

    def on_step(self, trainer: Any) -> None:
        if trainer.progress.step == 2:
            thread = threading.Thread(target=self.run)
            thread.start()
            thread.join()

    def run(self) -> None:
        try:
            self.action()
        except GanzooError as error:
            self.error = error


def trained(action: Any) -> tuple[Any, InAnotherThread]:
    callback = InAnotherThread(action)
    trainer = make_trainer(recipe(), callbacks=[callback])
    trainer.fit()
    return trainer.state(), callback


def test_a_second_training_run_is_refused_and_the_first_is_not_disturbed() -> None:
    plain, _ = trained(lambda: None)
    state, callback = trained(lambda: make_trainer(recipe(seed=3)).fit())
    assert "another training run is in progress in this process" in str(callback.error)
    assert same(state, plain)


@pytest.mark.parametrize("draw", [lambda run: run.sample(4), lambda run: run.interpolate(1, 4)])
def test_sampling_beside_a_training_run_is_refused(digits_run: Path, draw: Any) -> None:
    run = ganzoo.load(digits_run)
    _, callback = trained(lambda: draw(run))
    assert "a training run is in progress in another thread" in str(callback.error)
    assert draw(run).isfinite().all()


def test_the_training_thread_itself_may_sample(digits_run: Path) -> None:
    run = ganzoo.load(digits_run)

    class Samples(Callback):
        drawn: torch.Tensor

        def on_step(self, trainer: Any) -> None:
            self.drawn = run.sample(4)

    callback = Samples()
    make_trainer(recipe(), callbacks=[callback]).fit()
    assert torch.equal(callback.drawn, run.sample(4))


def test_after_a_failure_the_next_run_may_train() -> None:
    class Fails(Callback):
        def on_step(self, trainer: Any) -> None:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        make_trainer(recipe(), callbacks=[Fails()]).fit()
    make_trainer(recipe()).fit()
