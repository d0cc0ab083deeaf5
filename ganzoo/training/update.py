"""One update of one player: everything that happens between a batch and a moved weight.

`Updater.__call__` is what the trainer calls. On one rank it runs `update`: `compute_gradients`, then
`apply_gradients`. On several, `local_gradients` and `apply_mean_gradients` are the same with an all-reduce in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ganzoo.data.dataset import BatchStream
from ganzoo.errors import GanzooError
from ganzoo.game import GAN, Batch, Phase, Progress
from ganzoo.recipes import Recipe
from ganzoo.training.nonfinite import FiniteCheck, NonFinite, UpdateReport
from ganzoo.training.optim import learning_rate, set_learning_rate
from ganzoo.training.term_means import TermMeans


@dataclass
class Updater:
    """Plays phases: each call is one update of the phase's player.

    weights, optimisers: of each player. random_context: entered around the losses; it makes several ranks draw the random
    numbers of one. parts: equal parts that a batch is split into, over ranks and `recipe.accumulate`.
    execute, update_averages: call device work as `execute(work, phase, *inputs)`, and move the game's averages;
    recording replaces both (see recording.py).
    term_names: the names of each phase's terms, known after its first update.
    """

    gan: GAN
    recipe: Recipe
    fabric: Fabric
    stream: BatchStream
    progress: Progress
    weights: dict[str, list[nn.Parameter]]
    optimisers: dict[str, torch.optim.Optimizer]
    finite_check: FiniteCheck
    term_means: TermMeans
    random_context: AbstractContextManager[Any]
    parts: int
    execute: Callable[..., Any] = field(init=False)
    update_averages: Callable[[float], None] = field(init=False)
    term_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _with_gradient: dict[str, list[nn.Parameter]] = field(default_factory=dict)
    _batch_names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.execute = lambda work, phase, *inputs: work(phase, *inputs)
        self.update_averages = self.gan.update_averages

    def __call__(self, phase: Phase) -> None:
        """Draw the next batch and update the phase's player on it. Raises NonFinite where that ends the run."""
        rate = learning_rate(getattr(self.recipe, phase.player), self.progress.step, self.progress.steps)
        set_learning_rate(self.optimisers[phase.player], rate)
        inputs = self.next_inputs()
        self.progress.batches += 1
        if self.fabric.world_size == 1:
            report = self.execute(self.update, phase, *inputs)
        else:
            flat = self.execute(self.local_gradients, phase, *inputs)
            report = self.execute(self.apply_mean_gradients, phase, self.fabric.all_reduce(flat, reduce_op="mean"))
        if report is not None:
            self.term_means.add(self.describe(phase, report))

    def update(self, phase: Phase, *inputs: Tensor) -> Tensor | None:
        """One update on one rank. Returns the values of an UpdateReport, or None for an update that was skipped."""
        return self.apply_gradients(phase, self.compute_gradients(phase, inputs))

    def compute_gradients(self, phase: Phase, inputs: Sequence[Tensor]) -> Tensor:
        """Gradients of the player's weights, and the values of the terms `[terms]`."""
        accumulate = self.recipe.accumulate
        for name, weights in self.weights.items():
            for weight in weights:
                weight.requires_grad_(name == phase.player)
                # The other players' too: memory that is reused at once is still in the processor's cache.
                weight.grad = None
        self.finite_check.remember_buffers()
        values = []
        for batch in self.batches(inputs):
            with self.random_context, self.fabric.autocast():
                terms = phase.loss(batch)
            losses = [term.float() for term in terms.values() if term.requires_grad]
            if not losses:
                raise GanzooError(f"phase {phase.name!r}: no term has a gradient for the player {phase.player!r}.")
            total = losses[0] if len(losses) == 1 else torch.stack(losses).sum()
            (total if phase.every == accumulate else total * (phase.every / accumulate)).backward()
            values.append(torch.stack([term.detach().float() for term in terms.values()]))
        self.term_names[phase.name] = tuple(terms)
        return values[0] if len(values) == 1 else torch.stack(values).mean(0)

    def apply_gradients(self, phase: Phase, values: Tensor) -> Tensor | None:
        """The optimiser's step, if all terms and gradients are finite."""
        optimiser = self.optimisers[phase.player]
        gradients = [weight.grad for weight in self.weights[phase.player] if weight.grad is not None]
        report = self.finite_check.inspect(values, gradients, optimiser)
        if self.finite_check.needs_host(optimiser) and not self.may_step(phase, report):
            return None
        optimiser.step()
        self.gan.after_update(phase)
        return report

    def may_step(self, phase: Phase, report: Tensor) -> bool:
        """Whether the optimiser may step, where the host decides. Raises NonFinite if the run ends here."""
        if self.finite_check.all_finite:
            return True
        try:
            self.finite_check.skip_update(self.describe(phase, report), self.progress)
        except NonFinite:
            # An earlier update that was not read yet may be the first.
            self.term_means.read()
            raise
        return False

    def describe(self, phase: Phase, report: Tensor) -> UpdateReport:
        """The current update with the values that it reports."""
        return UpdateReport(phase, self.progress.step, self.progress.batches - 1, self.term_names[phase.name], report)

    def local_gradients(self, phase: Phase, *inputs: Tensor) -> Tensor:
        """The part of an update before the exchange between ranks: the terms' values and all gradients, flat."""
        values = self.compute_gradients(phase, inputs)
        self._with_gradient[phase.name] = [weight for weight in self.weights[phase.player] if weight.grad is not None]
        gradients = [weight.grad for weight in self._with_gradient[phase.name] if weight.grad is not None]
        return torch.cat([values, *[gradient.flatten() for gradient in gradients]])

    def apply_mean_gradients(self, phase: Phase, flat: Tensor) -> Tensor | None:
        """The part after it, with the means over the ranks."""
        weights = self._with_gradient[phase.name]
        values, *means = flat.split([len(self.term_names[phase.name]), *[weight.numel() for weight in weights]])
        for weight, mean in zip(weights, means, strict=True):
            # Not into the old gradient: a recording must not hold memory that other code may free.
            weight.grad = torch.empty_like(weight).copy_(mean.view_as(weight))
        return self.apply_gradients(phase, values)

    def next_inputs(self) -> list[Tensor]:
        """What `batches` needs of the next batch: where this rank's samples are, or else the samples themselves.

        They are all that differs between two updates of a phase, so a recording is given them for each replay.
        """
        rank, ranks, dataset = self.fabric.global_rank, self.fabric.world_size, self.stream.dataset
        # The ranks' parts are adjacent: together they are the part that a single rank would take.
        indices = [
            self.stream.part(self.progress.batches, part * ranks + rank, self.parts)
            for part in range(self.recipe.accumulate)
        ]
        if dataset.resident:
            return [index.to(dataset.device, non_blocking=True) for index in indices]
        batches = [dataset.batch(index) for index in indices]
        self._batch_names = list(batches[0])
        return [batch[name] for batch in batches for name in self._batch_names]

    def batches(self, inputs: Sequence[Tensor]) -> list[Batch]:
        """The parts of a batch from `next_inputs`."""
        dataset, names = self.stream.dataset, self._batch_names
        if dataset.resident:
            return [dataset.batch(index) for index in inputs]
        return [dict(zip(names, inputs[at : at + len(names)], strict=True)) for at in range(0, len(inputs), len(names))]
