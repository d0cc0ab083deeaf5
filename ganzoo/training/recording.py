"""The device's part of an update: losses, gradients and the optimiser's step, recorded for replay where that can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.game import GAN, Batch, Phase
from ganzoo.training.capture import Captured, Recorder, Work

if TYPE_CHECKING:
    from ganzoo.training.trainer import Trainer


class Moves:
    """The moves of a trainer's game.

    recorder: what records and replays them; None for no recording.
    names: of the terms of each phase, after its first move.
    """

    def __init__(self, trainer: Trainer, recorder: Recorder | None) -> None:
        self.trainer, self.gan, self.fabric, self.recorder = trainer, trainer.gan, trainer.fabric, recorder
        self.names: dict[str, tuple[str, ...]] = {}
        self._keys: list[str] = []
        self._reached: dict[str, list[nn.Parameter]] = {}
        self._captured: dict[tuple[str, str], Captured] = {}
        own = type(self.gan).update_averages is not GAN.update_averages
        self._average = self._capture(self.gan.update_averages, "the game has averages of its own" if own else "")
        self._decay = torch.zeros((), device=self.fabric.device)
        self._decay_is = 0.0

    def play(self, phase: Phase, indices: Sequence[Tensor]) -> Tensor | None:
        """One move, on the samples at `indices` (one `[N]` for each part of the batch, int64, on the CPU).

        Returns an Update's report, or None for an update that was left out.
        """
        inputs = self._inputs(indices)
        if self.fabric.world_size == 1:
            return self._do(self._move, phase, *inputs)
        flat = self._do(self._send, phase, *inputs)
        return self._do(self._receive, phase, self.fabric.all_reduce(flat, reduce_op="mean"))

    def _do(self, work: Callable[..., Tensor | None], phase: Phase, *inputs: Any) -> Any:
        if self.recorder is None:
            return work(phase, *inputs)
        key = (work.__name__, phase.name)
        if key not in self._captured:
            self._captured[key] = self._capture(partial(work, phase), self._obstacle(phase))
        return self._captured[key](*inputs)

    def average(self, decay: float) -> None:
        """Move the game's averages."""
        if not self.gan.averages:
            return
        if self.recorder is None or self._average.reason:
            self.gan.update_averages(decay)
            return
        if self._decay_is != decay:
            self._decay.fill_(decay)
            self._decay_is = decay
        self._average(self._decay)

    @property
    def unrecorded(self) -> dict[str, str]:
        """With a recorder, the phases that are not replayed, with the reason; "" if they may be yet."""
        return {phase: work.reason for (_, phase), work in self._captured.items() if not work.recorded}

    def _move(self, phase: Phase, *inputs: Tensor) -> Tensor | None:
        return self._advance(phase, self._differentiate(phase, inputs))

    def _send(self, phase: Phase, *inputs: Tensor) -> Tensor:
        """A move until the ranks meet: the terms' values and all gradients, flat."""
        values = self._differentiate(phase, inputs)
        self._reached[phase.name] = [w for w in self.trainer.weights[phase.player] if w.grad is not None]
        gradients = [weight.grad for weight in self._reached[phase.name] if weight.grad is not None]
        return torch.cat([values, *[gradient.flatten() for gradient in gradients]])

    def _receive(self, phase: Phase, flat: Tensor) -> Tensor | None:
        """A move from there on, with their mean."""
        reached = self._reached[phase.name]
        values, *means = flat.split([len(self.names[phase.name]), *[weight.numel() for weight in reached]])
        for weight, mean in zip(reached, means, strict=True):
            # Not into the old gradient: a recording must not hold memory that other code may free.
            weight.grad = torch.empty_like(weight).copy_(mean.view_as(weight))
        return self._advance(phase, values)

    def _differentiate(self, phase: Phase, inputs: Sequence[Tensor]) -> Tensor:
        """Gradients of the player's weights, and the values of the terms `[terms]`."""
        trainer, accumulate = self.trainer, self.trainer.recipe.accumulate
        for name, others in trainer.weights.items():
            for weight in others:
                weight.requires_grad_(name == phase.player)
                # Also the others': memory that is used again at once is still in the processor's cache.
                weight.grad = None
        trainer.guard.before()
        parts = []
        for batch in self._batches(inputs):
            with trainer.as_one_rank, self.fabric.autocast():
                terms = phase.loss(batch)
            losses = [term.float() for term in terms.values() if term.requires_grad]
            if not losses:
                raise GanzooError(f"phase {phase.name!r}: no term has a gradient for the player {phase.player!r}.")
            total = losses[0] if len(losses) == 1 else torch.stack(losses).sum()
            (total if phase.every == accumulate else total * (phase.every / accumulate)).backward()
            parts.append(torch.stack([term.detach().float() for term in terms.values()]))
        self.names[phase.name] = tuple(terms)
        return parts[0] if len(parts) == 1 else torch.stack(parts).mean(0)

    def _advance(self, phase: Phase, values: Tensor) -> Tensor | None:
        """The optimiser's step, if losses and gradients are finite."""
        guard, optimiser = self.trainer.guard, self.trainer.optimisers[phase.player]
        gradients = [weight.grad for weight in self.trainer.weights[phase.player] if weight.grad is not None]
        report = guard.report(values, gradients, optimiser)
        if guard.waits_for(optimiser) and not self.trainer.admits(phase, report):
            return None
        optimiser.step()
        self.gan.after_update(phase)
        return report

    def _inputs(self, indices: Sequence[Tensor]) -> list[Tensor]:
        """What a recording is given anew for each replay: where the samples are, or else the samples."""
        dataset = self.trainer.stream.dataset
        if dataset.resident:
            return [index.to(dataset.device, non_blocking=True) for index in indices]
        batches = [dataset.batch(index) for index in indices]
        self._keys = list(batches[0])
        return [batch[key] for batch in batches for key in self._keys]

    def _batches(self, inputs: Sequence[Tensor]) -> list[Batch]:
        """The parts of a batch, from `_inputs`."""
        dataset, keys = self.trainer.stream.dataset, self._keys
        if dataset.resident:
            return [dataset.batch(index) for index in inputs]
        return [dict(zip(keys, inputs[at : at + len(keys)], strict=True)) for at in range(0, len(inputs), len(keys))]

    def _capture(self, work: Work, obstacle: str) -> Captured:
        return Captured(work, None if obstacle else self.recorder, self.gan, self._moving, obstacle)

    def _moving(self) -> list[Tensor]:
        """All tensors that a move can change."""
        states = [state for o in self.trainer.optimisers.values() for state in o.state.values()]
        kept = [value for state in states for value in state.values() if isinstance(value, Tensor)]
        return [*self.gan.parameters(), *self.gan.buffers(), *kept, self.trainer.guard.found]

    def _obstacle(self, phase: Phase) -> str:
        """Why a phase must not be recorded, or ""."""
        if self.trainer.sync_batch_norm and self.fabric.world_size > 1:
            return "batch normalisation exchanges statistics between the ranks"
        if type(self.gan).on_step is not GAN.on_step:
            return "the game changes from step to step"
        if self.trainer.guard.waits_for(self.trainer.optimisers[phase.player]):
            return "the host decides whether the optimiser may step"
        return ""
