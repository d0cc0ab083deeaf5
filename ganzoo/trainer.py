"""The one adversarial trainer: it plays any game, on one device or many, and can stop and go on at any step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from ganzoo import config
from ganzoo.data.dataset import BatchStream, Dataset
from ganzoo.errors import GanzooError, StoppedElsewhere
from ganzoo.game import GAN, Phase, Progress
from ganzoo.launch import on_all_ranks, strongest
from ganzoo.nonfinite import Guard, Update
from ganzoo.optim import learning_rate, make_optimiser
from ganzoo.specs import Optimiser, Recipe

if TYPE_CHECKING:
    from ganzoo.callbacks import Callback


class Trainer:
    """Plays `gan` on `dataset` as `recipe` says; `fabric` is the launched machine, `callbacks` read along.

    Raises GanzooError when game, recipe and machine do not fit together.
    """

    def __init__(
        self,
        gan: GAN,
        dataset: Dataset,
        recipe: Recipe,
        fabric: Fabric,
        callbacks: Sequence[Callback] = (),
        log_every: int = 20,
        on_nonfinite: str = "stop",
    ) -> None:
        self.recipe, self.fabric, self.callbacks, self.log_every = recipe, fabric, callbacks, log_every
        self.gan = gan.to(fabric.device).train()
        self.guard = Guard(self.gan, fabric.device, on_nonfinite)
        self.phases = gan.phases()
        self.parts = fabric.world_size * recipe.accumulate
        if recipe.batch % self.parts:
            raise GanzooError(
                f"batch={recipe.batch} cannot be cut into {self.parts} equal parts ({fabric.world_size} devices x "
                f"accumulate={recipe.accumulate}): try --set batch={math.ceil(recipe.batch / self.parts) * self.parts}."
            )
        self.stream = BatchStream(dataset.to(fabric.device), recipe.batch, recipe.seed)
        self.weights = {
            name: [p for p in player.parameters() if p.requires_grad] for name, player in gan.players.items()
        }
        self.settings: dict[str, Optimiser] = {name: getattr(recipe, name) for name in gan.players}
        self.optimisers = {name: make_optimiser(self.settings[name], self.weights[name]) for name in gan.players}
        self.progress = Progress(steps=recipe.steps)
        self.stop_requested = False
        self.signal = 0
        self._failure: Exception | None = None
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def fit(self) -> None:
        """Play until the recipe's last step, or until `stop_requested` is set; then the step under way is finished.

        Raises NonFinite (a TrainingError) before a loss or gradient that is not finite reaches the weights.
        """
        self._call("on_start")
        while not self._agree_to_stop() and self.progress.step < self.progress.steps:
            self.play_step()
            if self.progress.step % self.log_every == 0 or self.progress.step == self.progress.steps:
                self._call("on_log", self.read_log())
            self._call("on_step")
        for weights in self.weights.values():
            for weight in weights:
                weight.requires_grad_(True)
        self._call("on_end")
        self._agree_to_stop(always=True)

    def play_step(self) -> None:
        """One step: every phase whose turn it is, then the averages."""
        step = self.progress.step
        # With the seed a function of (seed, step, rank), resuming needs no state of any random generator.
        torch.manual_seed(((self.recipe.seed << 32) + step) * 1_009 + self.fabric.global_rank & (2**63 - 1))
        self.gan.on_step(self.progress)
        for phase in self.phases:
            if phase.runs_at(step):
                for _ in range(phase.repeats):
                    self.update(phase)
        if self.fabric.world_size > 1:
            self._mean_over_ranks([b for b in self.gan.buffers() if b.is_floating_point()])
        # A young average would remember the initial weights, so its decay starts low and grows.
        self.gan.update_averages(min(self.recipe.ema, (step + 1) / (step + 10)))
        self.progress.step += 1

    def update(self, phase: Phase) -> None:
        """One move of one player: losses of each part of the batch, gradients, optimiser step."""
        weights, optimiser = self.weights[phase.player], self.optimisers[phase.player]
        for name, others in self.weights.items():
            for weight in others:
                weight.requires_grad_(name == phase.player)
        optimiser.zero_grad(set_to_none=True)
        self.guard.before()
        parts = []
        for part in range(self.recipe.accumulate):
            batch = self.stream.batch(
                self.progress.batches, self.fabric.global_rank * self.recipe.accumulate + part, self.parts
            )
            with self.fabric.autocast():
                terms = phase.loss(batch)
            losses = [term.float() for term in terms.values() if term.requires_grad]
            if not losses:
                raise GanzooError(f"phase {phase.name!r}: no term has a gradient for the player {phase.player!r}.")
            total = torch.stack(losses).sum()
            (total * (phase.every / self.recipe.accumulate)).backward()
            parts.append(torch.stack([term.detach().float() for term in terms.values()]))
        self.progress.batches += 1
        values = parts[0] if len(parts) == 1 else torch.stack(parts).mean(0)
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        if self.fabric.world_size > 1:
            self._mean_over_ranks([values, *gradients])
        update = Update(phase, self.progress.step, self.progress.batches - 1, tuple(terms), values)
        if not self.guard.admits(update, gradients, optimiser, self.progress):
            return
        self._log(update)
        rate = learning_rate(self.settings[phase.player], self.progress.step, self.progress.steps)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
        self.gan.after_update(phase)

    def _mean_over_ranks(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over the ranks, in one flat all-reduce."""
        tensors = list(tensors)
        if not tensors:
            return
        flat = self.fabric.all_reduce(torch.cat([tensor.flatten() for tensor in tensors]), reduce_op="mean")
        sizes = [tensor.numel() for tensor in tensors]
        for tensor, mean in zip(tensors, flat.split(sizes), strict=True):  # type: ignore[union-attr]
            tensor.copy_(mean.view_as(tensor))

    def _log(self, update: Update) -> None:
        # Sums stay on the device: reading a value would make the host wait for it.
        for term, value in zip(update.names, update.values.unbind(), strict=True):
            name = f"{update.phase.name}/{term}"
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def read_log(self) -> dict[str, float]:
        """Means of all terms since the last reading, over all ranks; with `skip`, also how many updates were skipped.

        Raises NonFinite if one was not finite.
        """
        self.guard.check()
        counted = {"skipped": float(self.guard.skipped)} if self.guard.skip else {}
        if not self._sums:
            return counted
        means = torch.stack([total / self._counts[name] for name, total in self._sums.items()])
        values = dict(zip(self._sums, means.tolist(), strict=True))
        self._sums, self._counts = {}, {}
        return values | counted

    def state(self) -> dict[str, Any]:
        """Everything that going on needs: tensors, numbers and strings in dicts. Raises NonFinite as read_log does."""
        self.guard.check()
        return {
            "progress": {"step": self.progress.step, "batches": self.progress.batches},
            "recipe": config.to_dict(self.recipe),
            "gan": self.gan.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "log": {"sums": self._sums, "counts": self._counts},
            "skipped": self.guard.skipped,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to where `state` was taken."""
        self.gan.load_state_dict(state["gan"])
        for name, optimiser in self.optimisers.items():
            settings = [{key: value for key, value in g.items() if key != "params"} for g in optimiser.param_groups]
            optimiser.load_state_dict(state["optimisers"][name])
            # The recipe's settings hold, also where they were changed since the state was taken.
            for group, setting in zip(optimiser.param_groups, settings, strict=True):
                group.update(setting)
        self.progress.step, self.progress.batches = state["progress"]["step"], state["progress"]["batches"]
        self._sums = {name: value.to(self.fabric.device) for name, value in state["log"]["sums"].items()}
        self._counts = dict(state["log"]["counts"])
        self.guard.skipped = state.get("skipped", 0)

    def _call(self, moment: str, *values: Any) -> None:
        if self._failure:
            return
        try:
            for callback in self.callbacks:
                getattr(callback, moment)(self, *values)
        except Exception as error:
            if self.fabric.world_size == 1:
                raise
            # Only the first rank has callbacks: the others would wait for it for ever.
            self._failure = error

    def _agree_to_stop(self, always: bool = False) -> bool:
        """Whether to stop after this step: with several ranks, all stop at the same one when any of them is asked to.

        Raises what a callback raised on the first rank, and StoppedElsewhere on the others.
        """
        if self.fabric.world_size == 1:
            return self.stop_requested
        # On a GPU reading the answer makes the host wait, so there it is asked when the log is read.
        if not always and self.fabric.device.type != "cpu" and self.progress.step % self.log_every:
            return False
        asked = [float(self._failure is not None), float(self.stop_requested), float(self.signal)]
        failed, stop, number = strongest(self.fabric, asked)
        if failed:
            raise on_all_ranks(self._failure or StoppedElsewhere("another rank has failed."))
        # A signal that came during the exchange is kept for the next one: until then no other rank knows of it.
        if stop:
            self.stop_requested, self.signal = True, int(number)
        return bool(stop)
