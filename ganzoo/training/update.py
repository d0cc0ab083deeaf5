"""One update of one player: everything that happens between a batch and a moved weight.

`Updater.__call__` is what the trainer calls. On one rank it runs `update`: `compute_gradients`, then
`apply_gradients`. On several, `local_gradients` and `apply_mean_gradients` are the same with an all-reduce in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.data.dataset import BatchStream
from ganzoo.errors import GanzooError
from ganzoo.game import GAN, Level, Phase, Progress
from ganzoo.machine.fabric import Fabric
from ganzoo.recipes import Recipe
from ganzoo.training.nonfinite import FiniteCheck, NonFinite, UpdateReport
from ganzoo.training.optim import learning_rate, set_learning_rate
from ganzoo.training.term_means import TermMeans
from ganzoo.zoo.boundary import kind_of


@dataclass
class Updater:
    """Plays phases: each call is one update of the phase's player.

    optimisers: of each player. frozen: weights that the recipe freezes, even if the game unfreezes them. weights: of
    each player those that learn, which neither its author nor the recipe has frozen.
    part_random: for each size of a batch, what is entered around the losses of a part of it, given the part's number;
    its samples get the random numbers that they would get in an undivided batch.
    execute, update_averages: call device work as `execute(work, phase, *inputs)`, and move the game's averages;
    recording replaces both (see recording.py).
    level: of the current step. term_names: the names of each phase's terms, known after its first update.
    """

    gan: GAN
    recipe: Recipe
    fabric: Fabric
    stream: BatchStream
    progress: Progress
    optimisers: dict[str, torch.optim.Optimizer]
    finite_check: FiniteCheck
    term_means: TermMeans
    part_random: Mapping[int, Callable[[int], AbstractContextManager[Any]]]
    frozen: Sequence[nn.Parameter] = ()
    weights: dict[str, list[nn.Parameter]] = field(init=False)
    execute: Callable[..., Any] = field(init=False)
    update_averages: Callable[[float], None] = field(init=False)
    level: Level = field(default_factory=Level)
    term_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _with_gradient: dict[str, list[nn.Parameter]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.execute = lambda work, phase, *inputs: work(phase, *inputs)
        self.update_averages = self.gan.update_averages
        self.find_weights()

    def find_weights(self) -> None:
        """Take note of which weights learn. Raises GanzooError for one that is not in its player's optimiser."""
        self.weights = {}
        for weight in self.frozen:
            weight.requires_grad_(False)
        for name, player in self.gan.players.items():
            known = {id(weight) for group in self.optimisers[name].param_groups for weight in group["params"]}
            self.weights[name] = []
            for path, weight in player.named_parameters():
                if weight.requires_grad and id(weight) not in known:
                    raise GanzooError(
                        f"the weight {path} of player {name!r} can never learn: it was created after the optimisers; "
                        "create it in build(), frozen (requires_grad=False) until it is used."
                    )
                if weight.requires_grad:
                    self.weights[name].append(weight)
                else:
                    # An optimiser moves whatever has a gradient.
                    weight.grad = None

    def restore_gradients(self) -> None:
        """Turn on the gradients of all weights that learn; an update leaves those of other players turned off."""
        for weights in self.weights.values():
            for weight in weights:
                weight.requires_grad_(True)

    def __call__(self, phase: Phase) -> None:
        """Draw the next batch and update the phase's player on it. Raises NonFinite if training has to stop."""
        rate = learning_rate(self.recipe.optimiser(phase.player), self.progress.step, self.progress.steps)
        set_learning_rate(self.optimisers[phase.player], rate * self.level.rate)
        inputs = self.next_inputs(phase)
        self.progress.updates += 1
        if self.fabric.world_size == 1:
            report = self.execute(self.update, phase, *inputs)
        else:
            flat = self.execute(self.local_gradients, phase, *inputs)
            if flat is None:
                return
            report = self.execute(self.apply_mean_gradients, phase, self.fabric.all_reduce(flat, reduce_op="mean"))
        if report is not None:
            self.term_means.add(self.describe(phase, report))

    def update(self, phase: Phase, *inputs: Tensor) -> Tensor | None:
        """One update on one rank. Returns the values of an UpdateReport, or None for an update that was skipped."""
        values = self.compute_gradients(phase, inputs)
        return None if values is None else self.apply_gradients(phase, values)

    def compute_gradients(self, phase: Phase, inputs: Sequence[Tensor]) -> Tensor | None:
        """Compute the gradients of the player's weights; returns the values of the terms `[terms]`.

        None if the phase's loss is None: then no weight moves.
        """
        accumulate = self.recipe.accumulate
        for name, weights in self.weights.items():
            for weight in weights:
                weight.requires_grad_(name == phase.player)
                # Of the other players too: memory that is reused immediately is still in the CPU's cache.
                weight.grad = None
        self.finite_check.remember_buffers()
        values: list[Tensor] = []
        part_random = self.part_random[self.batch_of(phase)]
        for number, batch in enumerate(self.stream.batches(inputs)):
            with part_random(number), self.fabric.autocast():
                terms = phase.loss(batch)
            if terms is None:
                if number:
                    raise GanzooError(f"phase {phase.name!r} returned None for a part of a batch, but not for all.")
                return None
            check_terms(phase, terms)
            losses = [term.float() for term in terms.values() if term.requires_grad]
            if not losses:
                raise GanzooError(f"phase {phase.name!r}: no term has a gradient for the player {phase.player!r}.")
            total = losses[0] if len(losses) == 1 else torch.stack(losses).sum()
            (total if phase.every == accumulate else total * (phase.every / accumulate)).backward()
            values.append(torch.stack([term.detach().float() for term in terms.values()]))
            self.term_names[phase.name] = tuple(terms)
        return values[0] if len(values) == 1 else torch.stack(values).mean(0)

    def apply_gradients(self, phase: Phase, values: Tensor) -> Tensor | None:
        """Take the optimiser's step, if all terms and gradients are finite."""
        optimiser = self.optimisers[phase.player]
        gradients = [weight.grad for weight in self.weights[phase.player] if weight.grad is not None]
        report = self.finite_check.inspect(values, gradients, optimiser)
        if self.finite_check.needs_host(optimiser) and not self.may_step(phase, report):
            return None
        limit = self.recipe.optimiser(phase.player).clip_norm
        if limit:
            torch.nn.utils.clip_grad_norm_(self.weights[phase.player], limit)
        optimiser.step()
        self.gan.after_update(phase, dict(zip(self.term_names[phase.name], values.unbind(), strict=True)))
        return report

    def may_step(self, phase: Phase, report: Tensor) -> bool:
        """Whether the optimiser may step, as decided on the host. Raises NonFinite if training has to stop."""
        if self.finite_check.all_finite:
            return True
        try:
            self.finite_check.skip_update(self.describe(phase, report), self.progress)
        except NonFinite:
            # An earlier update that was not read yet may have been the first.
            self.term_means.read()
            raise
        return False

    def describe(self, phase: Phase, report: Tensor) -> UpdateReport:
        """The report of the current update."""
        return UpdateReport(phase, self.progress.step, self.progress.updates - 1, self.term_names[phase.name], report)

    def local_gradients(self, phase: Phase, *inputs: Tensor) -> Tensor | None:
        """The part of an update before the all-reduce: the terms' values and all gradients, as one flat tensor."""
        values = self.compute_gradients(phase, inputs)
        if values is None:
            return None
        self._with_gradient[phase.name] = [weight for weight in self.weights[phase.player] if weight.grad is not None]
        gradients = [weight.grad for weight in self._with_gradient[phase.name] if weight.grad is not None]
        return torch.cat([values, *[gradient.flatten() for gradient in gradients]])

    def apply_mean_gradients(self, phase: Phase, flat: Tensor) -> Tensor | None:
        """The part after the all-reduce, with the means over the ranks."""
        weights = self._with_gradient[phase.name]
        values, *means = flat.split([len(self.term_names[phase.name]), *[weight.numel() for weight in weights]])
        for weight, mean in zip(weights, means, strict=True):
            # Not into the old gradient: a recording must not refer to memory that other code may free.
            weight.grad = torch.empty_like(weight).copy_(mean.view_as(weight))
        return self.apply_gradients(phase, values)

    def next_inputs(self, phase: Phase) -> list[Tensor]:
        """This rank's parts of the phase's batch, as `stream.batches` takes them.

        They are all that differs between two updates of a phase, so a recording is given them for each replay.
        """
        size, rank, ranks = self.batch_of(phase), self.fabric.global_rank, self.fabric.world_size
        if phase.new_batch:
            self.progress.samples += size
            start = self.progress.samples - size
        else:
            self.progress.samples = max(self.progress.samples, self.batch)
            start = self.progress.samples - self.batch
        # The ranks' parts are adjacent: together they are the part of a single rank.
        own = [part * ranks + rank for part in range(self.recipe.accumulate)]
        return self.stream.inputs(start, own, ranks * self.recipe.accumulate, size)

    def batch_of(self, phase: Phase) -> int:
        """Samples in an update of this phase, over all ranks."""
        return phase.batch or self.batch

    @property
    def batch(self) -> int:
        """Samples in an update of a phase that does not say otherwise."""
        return self.level.batch or self.recipe.batch


def check_terms(phase: Phase, terms: Any) -> None:
    """Raise GanzooError, naming the term, unless these are scalars by name: losses and penalties are anyone's."""
    if not isinstance(terms, Mapping):
        raise GanzooError(f"phase {phase.name!r} must return a dict of scalar tensors, not {kind_of(terms)}.")
    for name, term in terms.items():
        if not isinstance(term, Tensor) or term.numel() != 1:
            given = f"one of the shape {tuple(term.shape)}" if isinstance(term, Tensor) else kind_of(term)
            raise GanzooError(f"the term {name!r} of the phase {phase.name!r} must be a scalar tensor, not {given}.")
