"""A training whose steps take a second each, by a clock that only the test moves otherwise."""

from __future__ import annotations

import pytest

from ganzoo.machine import stopwatch
from ganzoo.training.trainer import Trainer


class Clock:
    """Stands for the module `time` in the stopwatch of training. now: seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 5.0
        play = Trainer.play_step

        def played(trainer: Trainer) -> None:
            play(trainer)
            self.now += 1

        monkeypatch.setattr(stopwatch, "time", self)
        monkeypatch.setattr(Trainer, "play_step", played)

    def perf_counter(self) -> float:
        return self.now

    process_time = perf_counter
