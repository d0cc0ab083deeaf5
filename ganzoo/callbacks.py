"""The base class of callbacks, and what of a training run and of a run folder they may rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganzoo.training.trainer import Trainer


class Callback:
    """Override any of these. All run on the first rank only (Evaluations, which every rank has, on all)."""

    def on_start(self, trainer: Trainer) -> None:
        """Before the first step of this process, which after a resume is not step 0."""

    def on_step(self, trainer: Trainer) -> None:
        """After each step; `trainer.progress.step` counts the steps done."""

    def on_log(self, trainer: Trainer, values: dict[str, float]) -> None:
        """Every `log_every` steps: the mean of each logged term, `phase/term`, since the last time."""

    def on_end(self, trainer: Trainer) -> None:
        """After the last step, or when training was asked to stop."""
