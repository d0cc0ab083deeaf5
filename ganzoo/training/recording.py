"""Recorded phases: an Updater's device work is captured once and replayed, where that does the same.

Training works without this: then `Updater.execute` calls the work and the averages are updated directly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ganzoo.game import GAN, Phase
from ganzoo.training.capture import Captured, Recorder, Work, python_state
from ganzoo.training.update import Updater

CHANGES = 10
"""Changes of a game's Python state between steps after which nothing of it is recorded any more in this level."""


class PhaseRecording:
    """Records with `recorder` what `updater` executes, and the averages of its game; without a recorder, nothing.

    sync_batch_norm: whether batch normalisation communicates between ranks, which cannot be recorded.
    """

    def __init__(self, updater: Updater, recorder: Recorder | None, sync_batch_norm: bool = False) -> None:
        self.updater, self.gan, self.recorder = updater, updater.gan, recorder
        self.sync_batch_norm = sync_batch_norm
        self._decay = torch.zeros((), device=updater.fabric.device)
        self.reset()
        if recorder is not None:
            updater.execute, updater.update_averages = self.execute, self.update_averages
            for optimiser in updater.optimisers.values():
                # A recording refers to the memory of the optimiser state that is replaced.
                optimiser.register_load_state_dict_post_hook(lambda optimiser: self.reset())

    def reset(self) -> None:
        """Discard all recordings and what is known of the game, so that everything is recorded again."""
        self._changes = 0
        self._known: object = None
        self._discard()

    def watch_game(self) -> None:
        """Call after a game's `on_step`: recordings stay valid if it only wrote to tensors in place.

        Otherwise they are discarded. What differs from the step before is compared, not what `on_step` did: a game may
        keep `progress`, which changes by itself.
        """
        if self.recorder is None or self._unsteady:
            return
        state = self._state()
        if self._known is not None and state != self._known:
            self._changes += 1
            self._discard()
        self._known = state

    @property
    def _unsteady(self) -> str:
        return "the game changes more than tensors from step to step" if self._changes >= CHANGES else ""

    def _discard(self) -> None:
        self._captured: dict[tuple[str, str], Captured] = {}
        own = type(self.gan).update_averages is not GAN.update_averages
        reason = "the game has averages of its own" if own else self._unsteady
        self._averages = self._capture(self.gan.update_averages, reason)
        self._decay_value = 0.0
        self._decay.zero_()

    def execute(self, work: Callable[..., Tensor | None], phase: Phase, *inputs: Any) -> Any:
        """Call `work(phase, *inputs)`, or replay its recording."""
        key = (work.__name__, phase.name)
        if key not in self._captured:
            self._captured[key] = self._capture(partial(work, phase), self._reason_not_to_record(phase))
        return self._captured[key](*inputs)

    def update_averages(self, decay: float) -> None:
        """Update the game's averages, or replay the recording of that."""
        if self._averages.reason:
            self.gan.update_averages(decay)
            return
        if self._decay_value != decay:
            self._decay.fill_(decay)
            self._decay_value = decay
        self._averages(self._decay)

    @property
    def unrecorded(self) -> dict[str, str]:
        """With a recorder, the phases that are not replayed, with the reason; "" while they still may be."""
        return {phase: work.reason for (_, phase), work in self._captured.items() if not work.recorded}

    def _capture(self, work: Work, reason: str) -> Captured:
        return Captured(work, None if reason else self.recorder, self._state, self._changing, reason)

    def _state(self) -> object:
        """What a recording takes for granted: the game's Python state, and which weights learn."""
        learning = [[id(weight) for weight in weights] for weights in self.updater.weights.values()]
        return python_state(self.gan, self._decay.device), learning

    def _changing(self) -> list[Tensor]:
        """All tensors that an update can change."""
        states = [state for o in self.updater.optimisers.values() for state in o.state.values()]
        moments = [value for state in states for value in state.values() if isinstance(value, Tensor)]
        return [*self.gan.parameters(), *self.gan.buffers(), *moments, self.updater.finite_check.found]

    def _reason_not_to_record(self, phase: Phase) -> str:
        """Why a phase must not be recorded, or ""."""
        if self.sync_batch_norm and self.updater.fabric.world_size > 1:
            return "batch normalisation communicates between ranks"
        if self.updater.recipe.accumulate > 1:
            return "the parts of a batch share random numbers"
        if set(self.updater.recipe.schedules) - {"ema"}:
            return "the recipe changes from step to step"
        if self._unsteady:
            return self._unsteady
        if self.updater.finite_check.needs_host(self.updater.optimisers[phase.player]):
            return "the host decides whether the optimiser may step"
        return ""
