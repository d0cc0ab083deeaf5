"""Non-finite numbers: no update with such a loss or gradient ever changes a weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganzoo.errors import TrainingError
from ganzoo.game import Phase, Progress

FREE_SKIPS = 10
SKIPPED_FRACTION = 0.01
ADVICE = "lower the learning rates (--set g.lr=... --set d.lr=...) or add a penalty (--set penalties=r1)"


class NonFinite(TrainingError):
    """A loss or gradient that is not finite; the weights are as they were before that update."""

    agreed = True
    """All ranks raise it at the same update."""


@dataclass(frozen=True)
class UpdateReport:
    """One update: its phase, step, batch and values.

    values: `[terms + 1]` on the device: the values of its terms, then 1 if any of these or a gradient is not finite,
    else 0.
    """

    phase: Phase
    step: int
    number: int
    names: tuple[str, ...]
    values: Tensor

    @property
    def logged_names(self) -> tuple[str, ...]:
        """The terms' names in the log."""
        return tuple(f"{self.phase.name}/{name}" for name in self.names)

    def first_nonfinite(self) -> str:
        """A description of the first non-finite term, or else of the gradient."""
        for name, value in zip(self.logged_names, self.values.tolist()[:-1], strict=True):
            if not math.isfinite(value):
                return f"{name} became {value}"
        return f"the gradient of {self.phase.name} is not finite"

    @property
    def where(self) -> str:
        return f"in step {self.step + 1} (update {self.number + 1})"


class FiniteCheck:
    """Lets an update through to the optimiser only if its terms and gradients are finite.

    on_nonfinite: "stop" raises NonFinite at the first update that is not finite. "skip" skips it and restores the
    game's buffers (running statistics, which the forward pass has changed), and raises NonFinite once more than 10 plus
    1 % of all updates so far were skipped. `skipped` counts them.

    With several ranks it must be given the means of values and gradients over the ranks: what is not finite on one rank
    is not finite in the mean, so all ranks decide alike.
    """

    def __init__(self, game: nn.Module, device: torch.device, on_nonfinite: str = "stop") -> None:
        self.game, self.skip = game, on_nonfinite == "skip"
        self.skipped = 0
        # A GPU runs behind the host, and reading a flag would make the host wait in every update. So there the flag
        # stays on the device: it keeps the optimiser's kernels from stepping, now and in all later updates, and is read
        # with the log. Skipping has to be decided immediately, so then the host does wait.
        self.immediate = self.skip or device.type != "cuda"
        self.found = torch.zeros((), device=device)
        self.one = torch.ones((), device=device)
        self._buffers: list[Tensor] = []

    def remember_buffers(self) -> None:
        """Call before the forward pass of an update, so that `skip_update` can undo its changes to buffers."""
        if self.skip:
            self._buffers = [buffer.clone() for buffer in self.game.buffers()]

    def needs_host(self, optimiser: torch.optim.Optimizer) -> bool:
        """Whether the host has to decide before this optimiser steps, because a flag on the device cannot stop it."""
        return self.immediate or not optimiser.defaults.get("fused")

    def inspect(self, values: Tensor, gradients: Sequence[Tensor], optimiser: torch.optim.Optimizer) -> Tensor:
        """Check the terms' `values [terms]` and the gradients. Returns the values of an UpdateReport.

        The optimiser is given the flag if a flag on the device can keep it from stepping.
        """
        flag_nonfinite([values, *gradients], self.found, self.one, self.immediate)
        if not self.needs_host(optimiser):
            optimiser.found_inf = self.found  # type: ignore[attr-defined]
        return torch.cat([values, self.found[None]])

    @property
    def all_finite(self) -> bool:
        """Whether everything was finite at the last check; the host waits for the answer."""
        return not self.found.item()

    def skip_update(self, update: UpdateReport, progress: Progress) -> None:
        """Undo what the update did before its optimiser's step. Raises NonFinite if training has to stop."""
        if not self.skip:
            raise NonFinite(f"{update.first_nonfinite()} {update.where}.")
        self.found.zero_()
        with torch.no_grad():
            for buffer, before in zip(self.game.buffers(), self._buffers, strict=True):
                buffer.copy_(before)
        self.skipped += 1
        if self.skipped > FREE_SKIPS + SKIPPED_FRACTION * progress.updates:
            raise NonFinite(
                f"{update.first_nonfinite()} {update.where}, and {self.skipped} of {progress.updates} updates were "
                f"skipped: more than {FREE_SKIPS} and {SKIPPED_FRACTION:.0%} of them."
            )


def flag_nonfinite(tensors: Sequence[Tensor], found: Tensor, one: Tensor, wait: bool = True) -> None:
    """Set the scalar `found` to 1 if any value is not finite, else leave it; `one` is the scalar 1 beside it.

    wait: whether the host may read values, which is faster on a CPU.
    """
    if wait and found.device.type == "cpu" and math.isfinite(sum(tensor.sum().item() for tensor in tensors)):
        # The usual case, in one pass. A sum can overflow although all values are finite: then each one is checked.
        return
    if found.device.type not in ("cpu", "cuda"):
        found.copy_(torch.maximum(found, 1 - torch.stack([t.float().sum().isfinite() for t in tensors]).all().float()))
        return
    by_type: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        by_type.setdefault(tensor.dtype, []).append(tensor)
    for same in by_type.values():
        # What torch.amp.GradScaler calls, with a scale of 1: a single pass that leaves the values unchanged.
        torch._amp_foreach_non_finite_check_and_unscale_(same, found, one)
