"""The one adversarial trainer: it plays any game, on one device or many, and can stop and resume at any step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from ganzoo.callbacks import Callback, CollectiveCallback
from ganzoo.data.dataset import BatchStream, Dataset
from ganzoo.errors import GanzooError, OtherRankFailed
from ganzoo.game import GAN, Phase, Progress
from ganzoo.machine.ranks import maximum, stops_all_ranks
from ganzoo.recipes import Recipe, to_dict
from ganzoo.training.capture import Recorder, side_stream
from ganzoo.training.nonfinite import FiniteCheck
from ganzoo.training.optim import make_optimiser
from ganzoo.training.rank_random import global_batch_random
from ganzoo.training.recording import PhaseRecording
from ganzoo.training.term_means import TermMeans
from ganzoo.training.update import Updater


class Trainer:
    """Plays `gan` on `dataset` as `recipe` says; `fabric` is the launched machine, `callbacks` observe.

    collective: callbacks that every rank has, and in which all ranks take part.
    recorder: what records whole phases on the device and replays them (see capture.py), if anything. Then
    `recording.unrecorded` says of each phase why it is not replayed.
    sync_batch_norm: whether batch normalisation takes its statistics over the samples of all ranks.

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
        recorder: Recorder | None = None,
        sync_batch_norm: bool = False,
        collective: Sequence[CollectiveCallback] = (),
    ) -> None:
        self.recipe, self.fabric, self.callbacks, self.log_every = recipe, fabric, callbacks, log_every
        self.collective = collective
        # Convolutions are faster on images whose channels are adjacent in memory, on a GPU and on a CPU.
        self.gan = gan.to(fabric.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.phases = gan.phases()
        parts = fabric.world_size * recipe.accumulate
        if recipe.batch % parts:
            raise GanzooError(
                f"batch={recipe.batch} cannot be split into {parts} equal parts ({fabric.world_size} devices x "
                f"accumulate={recipe.accumulate}): try --set batch={math.ceil(recipe.batch / parts) * parts}."
            )
        self.part_size = recipe.batch // parts
        self.stream = BatchStream(dataset.to(fabric.device), recipe.batch, recipe.seed)
        self.progress = Progress(steps=recipe.steps)
        self.term_means = TermMeans()
        self.finite_check = FiniteCheck(self.gan, fabric.device, on_nonfinite)
        weights = {name: [p for p in player.parameters() if p.requires_grad] for name, player in gan.players.items()}
        self.optimisers = {
            name: make_optimiser(getattr(recipe, name), weights[name], recorder is not None) for name in gan.players
        }
        self.updater = Updater(
            self.gan,
            recipe,
            fabric,
            self.stream,
            self.progress,
            weights,
            self.optimisers,
            self.finite_check,
            self.term_means,
            global_batch_random(fabric, self.part_size, sync_batch_norm),
            parts,
        )
        self.recording = PhaseRecording(self.updater, recorder, sync_batch_norm)
        self.stop_requested = False
        self.signal = 0
        self._failure: Exception | None = None

    def stop(self, signal: int) -> None:
        """Finish the current step and save, for a signal of this number; on several ranks, after the same step."""
        self.signal, self.stop_requested = signal, True

    def fit(self) -> None:
        """Play until the recipe's last step, or until `stop_requested` is set; then the current step is finished.

        Raises NonFinite (a TrainingError) before a loss or gradient that is not finite reaches the weights.
        """
        self._call("on_start")
        with side_stream(self.fabric.device):
            while not self._agree_to_stop() and self.progress.step < self.progress.steps:
                self.play_step()
                if self.progress.step % self.log_every == 0 or self.progress.step == self.progress.steps:
                    self._call("on_log", self.read_log())
                self._run_collective()
                self._call("on_step")
        for weights in self.updater.weights.values():
            for weight in weights:
                weight.requires_grad_(True)
        self._call("on_end")
        self._agree_to_stop(always=True)

    def play_step(self) -> None:
        """One step: every phase that is due, then the averages."""
        step = self.progress.step
        # With the seed a function of (seed, step), resuming needs no state of any random generator; and with the same
        # one on all ranks, they draw what one rank would.
        reseed(((self.recipe.seed << 32) + step) * 1_009 & (2**63 - 1), self.fabric.device)
        self.gan.on_step(self.progress)
        for phase in self.phases:
            if phase.runs_at(step):
                for _ in range(phase.repeats):
                    self.update(phase)
        if self.fabric.world_size > 1:
            self._mean_over_ranks([b for b in self.gan.buffers() if b.is_floating_point()])
        if self.gan.averages:
            # A young average would remember the initial weights, so its decay starts low and grows.
            self.updater.update_averages(min(self.recipe.ema, (step + 1) / (step + 10)))
        self.progress.step += 1

    def update(self, phase: Phase) -> None:
        """Update the phase's player on the next batch; training/update.py is all that happens then."""
        self.updater(phase)

    def _mean_over_ranks(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over the ranks, in one flat all-reduce."""
        if not tensors:
            return
        flat = self.fabric.all_reduce(torch.cat([tensor.flatten() for tensor in tensors]), reduce_op="mean")
        sizes = [tensor.numel() for tensor in tensors]
        for tensor, mean in zip(tensors, flat.split(sizes), strict=True):  # type: ignore[union-attr]
            tensor.copy_(mean.view_as(tensor))

    def read_log(self) -> dict[str, float]:
        """Means of all terms since the last call, over all ranks; with `skip`, also how many updates were skipped.

        Raises NonFinite if one was not finite.
        """
        counted = {"skipped": float(self.finite_check.skipped)} if self.finite_check.skip else {}
        return self.term_means.means() | counted

    def state(self) -> dict[str, Any]:
        """Everything that resuming needs: tensors, numbers and strings in dicts. Raises NonFinite as read_log does."""
        log = self.term_means.state()
        return {
            "progress": {"step": self.progress.step, "batches": self.progress.batches},
            "recipe": to_dict(self.recipe),
            "gan": self.gan.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "log": log,
            "skipped": self.finite_check.skipped,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned."""
        self.gan.load_state_dict(state["gan"])
        for name, optimiser in self.optimisers.items():
            settings = [{key: value for key, value in g.items() if key != "params"} for g in optimiser.param_groups]
            optimiser.load_state_dict(state["optimisers"][name])
            # The recipe's settings hold, also where they were changed since the state was taken.
            for group, setting in zip(optimiser.param_groups, settings, strict=True):
                group.update(setting)
        self.progress.step, self.progress.batches = state["progress"]["step"], state["progress"]["batches"]
        self.term_means.load_state(state["log"])
        self.finite_check.skipped = state.get("skipped", 0)

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

    def _run_collective(self) -> None:
        """What all ranks do together after a step; a failure is agreed on first, so that no rank waits for another."""
        due = [callback for callback in self.collective if callback.due(self.progress.step)]
        if due:
            self._agree_to_stop(always=True)
        for callback in due:
            callback.run(self)

    def _agree_to_stop(self, always: bool = False) -> bool:
        """Whether to stop after this step: with several ranks, all stop at the same one when any of them is asked to.

        Raises what a callback raised on the first rank, and OtherRankFailed on the others.
        """
        if self.fabric.world_size == 1:
            return self.stop_requested
        # On a GPU reading the answer makes the host wait, so there it is asked when the log is read.
        if not always and self.fabric.device.type != "cpu" and self.progress.step % self.log_every:
            return False
        asked = [float(self._failure is not None), float(self.stop_requested), float(self.signal)]
        failed, stop, number = maximum(self.fabric, asked)
        if failed:
            raise stops_all_ranks(self._failure or OtherRankFailed("another rank has failed."))
        # A signal that came during the exchange is kept for the next one: until then no other rank knows of it.
        if stop:
            self.stop_requested, self.signal = True, int(number)
        return bool(stop)


def reseed(seed: int, device: torch.device) -> None:
    """torch.manual_seed for the generators that a game on this device draws from.

    Seeding those of all other devices too takes longer than a small network's forward pass.
    """
    if device.type not in ("cpu", "cuda"):
        torch.manual_seed(seed)
        return
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
