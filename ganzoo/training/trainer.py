"""The adversarial trainer: it plays any game, on one device or many, and can stop and resume at any step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ganzoo.callbacks import Callback, CollectiveCallback
from ganzoo.data.dataset import BatchStream, Dataset
from ganzoo.errors import GanzooError, OtherRankFailed
from ganzoo.game import GAN, Phase, Progress, course_of
from ganzoo.machine.fabric import Fabric
from ganzoo.machine.ranks import maximum, stops_all_ranks
from ganzoo.machine.seeds import mixed_seed
from ganzoo.machine.stopwatch import Stopwatch
from ganzoo.machine.threads import only_training_run
from ganzoo.recipes import Recipe, at_step, to_dict
from ganzoo.training import restoring
from ganzoo.training.capture import Recorder, side_stream
from ganzoo.training.frozen import frozen_weights
from ganzoo.training.nonfinite import FiniteCheck
from ganzoo.training.optim import make_optimiser, set_options
from ganzoo.training.rank_random import part_random
from ganzoo.training.recording import PhaseRecording
from ganzoo.training.term_means import TermMeans
from ganzoo.training.update import Updater


class Trainer:
    """Plays `gan` on `dataset` as `recipe` says; `fabric` is a launched Fabric, `callbacks` observe.

    collective: callbacks that every rank has, and in which all ranks take part.
    recorder: records whole phases on the device and replays them (see capture.py); None to record nothing. With one,
    `recording.unrecorded` gives the reason for each phase that is not replayed.
    sync_batch_norm: whether batch normalisation takes its statistics over the samples of all ranks.

    Raises GanzooError if game, recipe and number of devices do not fit together.
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
        self.gan = channels_last(gan.to(fabric.device)).train()
        self.phases = gan.phases()
        parts = fabric.world_size * recipe.accumulate
        self.course = course_of(gan, recipe.steps)
        sizes = self._batch_sizes()
        for name, size in sizes.items():
            if size % parts:
                raise GanzooError(
                    f"{name}={size} cannot be split into {parts} equal parts ({fabric.world_size} devices x "
                    f"accumulate={recipe.accumulate}): try --set {name}={math.ceil(size / parts) * parts}."
                    if name in ("batch", "g_batch")
                    else f"{name} is {size}, which cannot be split into {parts} equal parts "
                    f"({fabric.world_size} devices x accumulate={recipe.accumulate})."
                )
        self.part_size = recipe.batch // parts
        self.stream = BatchStream(dataset.to(fabric.device), recipe.batch, recipe.seed)
        gan.prepare(self.stream.dataset)
        self.progress, self.stopwatch = Progress(steps=recipe.steps), Stopwatch()
        self.term_means = TermMeans()
        self.finite_check = FiniteCheck(self.gan, fabric.device, on_nonfinite)
        # Frozen weights too: a game may unfreeze them in `on_step`.
        self.optimisers = {
            name: make_optimiser(recipe.optimiser(name), player.parameters(), recorder is not None)
            for name, player in gan.players.items()
        }
        self.updater = Updater(
            self.gan,
            recipe,
            fabric,
            self.stream,
            self.progress,
            self.optimisers,
            self.finite_check,
            self.term_means,
            {
                size: part_random(fabric, size // parts, recipe.accumulate, sync_batch_norm)
                for size in set(sizes.values())
            },
            frozen_weights(gan, recipe.freeze),
        )
        self.recording = PhaseRecording(self.updater, recorder, sync_batch_norm)
        self.begun = False
        self.stop_requested = False
        self.signal = 0
        self._failure: Exception | None = None

    def _batch_sizes(self) -> dict[str, int]:
        """All sizes of batches in the course of training, by what determines them."""
        sizes = {"batch": self.recipe.batch}
        sizes |= {f"the batch of level {level.number}": level.batch for level in self.course.levels if level.batch}
        g_batch = getattr(self.recipe, "g_batch", None)
        own = [phase for phase in self.phases if phase.batch]
        return sizes | {
            "g_batch" if phase.batch == g_batch else f"the batch of phase {phase.name!r}": phase.batch or 0
            for phase in own
        }

    def stop(self, signal: int) -> None:
        """Finish the current step and save, for a signal of this number; on several ranks, after the same step."""
        self.signal, self.stop_requested = signal, True

    def fit(self) -> None:
        """Play until the recipe's last step, or to the end of the step in which `stop_requested` is set.

        Raises NonFinite (a TrainingError) before a non-finite loss or gradient reaches the weights.
        """
        with only_training_run():
            self._fit()

    def _fit(self) -> None:
        self.start()
        with side_stream(self.fabric.device):
            while not self._agree_to_stop() and self.progress.step < self.progress.steps:
                self.advance()
        self.finish()

    def start(self) -> None:
        """Tell the callbacks that training begins, from the current step."""
        if self.progress.step < self.progress.steps:
            # Callbacks may draw samples at once, which a game need not be ready for before `on_step`.
            self.begin_step()
        self._call("on_start")

    def advance(self) -> None:
        """One step, and what is logged, scored, drawn and saved after it."""
        self.play_step()
        if self.progress.step % self.log_every == 0 or self.progress.step == self.progress.steps:
            self._call("on_log", self.read_log())
        self._run_collective()
        self._call("on_step")

    def finish(self) -> None:
        """Tell the callbacks that training ends here."""
        self.updater.restore_gradients()
        self._call("on_end")
        self._agree_to_stop(always=True)

    def play_phase(self, phase: Phase, number: int) -> None:
        """One update of a phase by hand, between two steps; `number` counts them and determines the random numbers."""
        if not self.begun:
            self.begin_step()
        reseed(mixed_seed("by hand", self.recipe.seed, self.progress.step, number), self.fabric.device)
        self.update(phase)
        if phase.player in self.gan.averages:
            self._update_averages()

    def play_step(self) -> None:
        """One step: every phase that is due, then the averages."""
        step = self.progress.step
        if not self.begun:
            self.begin_step()
        self.begun = False
        # As this seed is a function of (seed, step), resuming needs no random-generator state; as it is the same on all
        # ranks, they draw what a single rank would.
        reseed(mixed_seed(self.recipe.seed, step), self.fabric.device)
        for phase in self.phases:
            if phase.runs_at(step):
                for _ in range(phase.repeats):
                    self.update(phase)
        if self.fabric.world_size > 1:
            self._mean_over_ranks([b for b in self.gan.buffers() if b.is_floating_point()])
        if self.gan.averages:
            self._update_averages()
        self.progress.step += 1

    def _update_averages(self) -> None:
        # An early average would be dominated by the initial weights, so its decay starts low and grows.
        step = self.progress.step
        self.updater.update_averages(min(self.updater.recipe.ema, (step + 1) / (step + 10)))

    def begin_step(self) -> None:
        """Let the game change itself for the coming step, and take note of which weights learn from here on."""
        self.begun = True
        if self.recipe.schedules:
            now = at_step(self.recipe, self.progress.step, self.progress.steps)
            self.updater.recipe = now
            for name, optimiser in self.optimisers.items():
                set_options(optimiser, now.optimiser(name))
            self.gan.follow(now)
        if type(self.gan).level is not GAN.level:
            self._begin_level()
        if type(self.gan).on_step is not GAN.on_step:
            self.updater.restore_gradients()
            # A seed of its own: what the phases draw must not depend on what `on_step` draws, or when it was called.
            reseed(mixed_seed("on_step", self.recipe.seed, self.progress.step), self.fabric.device)
            self.gan.on_step(self.progress)
            self.updater.find_weights()
            self.recording.watch_game()

    def _begin_level(self) -> None:
        """Take note of the coming step's level; if it begins with this step, reset what begins anew with it."""
        step, steps = self.progress.step, self.progress.steps
        level = self.updater.level = self.gan.level(Progress(step, steps))
        # Compared with the step before, not with what was kept, so that a run that is resumed here does the same.
        if step and self.gan.level(Progress(step - 1, steps)) != level:
            for name in level.resets:
                self.optimisers[name].state.clear()
            self.recording.reset()

    def update(self, phase: Phase) -> None:
        """Update the phase's player on the next batch (see training/update.py)."""
        self.updater(phase)

    def _mean_over_ranks(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over the ranks, in one flat all-reduce."""
        if not tensors:
            return
        flat = self.fabric.all_reduce(torch.cat([tensor.flatten() for tensor in tensors]), reduce_op="mean")
        sizes = [tensor.numel() for tensor in tensors]
        for tensor, mean in zip(tensors, flat.split(sizes), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def read_log(self) -> dict[str, float]:
        """Means of all terms since the last call, over all ranks; with `skip`, also the number of skipped updates.

        Raises NonFinite if an update was not finite.
        """
        counted = {"skipped": float(self.finite_check.skipped)} if self.finite_check.skip else {}
        return self.term_means.means() | counted

    def state(self) -> dict[str, Any]:
        """Everything that resuming needs: tensors, numbers and strings in dicts. Raises NonFinite as read_log does."""
        log = self.term_means.state()
        return {
            "progress": {
                "step": self.progress.step,
                "updates": self.progress.updates,
                "samples": self.progress.samples,
            },
            "recipe": to_dict(self.recipe),
            "gan": self.gan.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "log": log,
            "skipped": self.finite_check.skipped,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned. Raises ValueError for a state that does not fit, before it is used."""
        step, updates, samples = restoring.progress_counts(state, self.recipe.batch)
        log, skipped = restoring.log_sums(state), restoring.skipped_updates(state)
        found = {name: restoring.optimiser_state(name, o, state, self.gan) for name, o in self.optimisers.items()}
        restoring.load_weights(self.gan, state)
        for name, optimiser in self.optimisers.items():
            # The recipe's settings apply, even if they were changed since the state was saved.
            settings = [{key: value for key, value in g.items() if key != "params"} for g in optimiser.param_groups]
            optimiser.load_state_dict(found[name])
            for group, setting in zip(optimiser.param_groups, settings, strict=True):
                group.update(setting)
        self.progress.step, self.progress.updates, self.progress.samples = step, updates, samples
        self.term_means.load_state(log)
        self.finite_check.skipped = skipped

    def _call(self, moment: str, *values: Any) -> None:
        if self._failure:
            return
        try:
            for callback in self.callbacks:
                getattr(callback, moment)(self, *values)
        except Exception as error:
            if self.fabric.world_size == 1:
                raise
            # Only the first rank has callbacks: raising here would leave the others waiting for it.
            self._failure = error

    def _run_collective(self) -> None:
        """Run what all ranks do together after a step; first they agree that none has failed, so that none waits."""
        due = [callback for callback in self.collective if callback.due(self.progress.step)]
        if not due:
            return
        self._agree_to_stop(always=True)
        with self.stopwatch.paused():
            for callback in due:
                callback.run(self)

    def _agree_to_stop(self, always: bool = False) -> bool:
        """Whether to stop after this step: with several ranks, all stop after the same step if any is asked to stop.

        If a callback failed, raises its error on the first rank, and OtherRankFailed on the others.
        """
        if self.fabric.world_size == 1:
            return self.stop_requested
        # On a GPU, reading the answer makes the host wait, so there the ranks agree only when the log is read.
        if not always and self.fabric.device.type != "cpu" and self.progress.step % self.log_every:
            return False
        asked = [float(self._failure is not None), float(self.stop_requested), float(self.signal)]
        failed, stop, number = maximum(self.fabric, asked)
        if failed:
            raise stops_all_ranks(self._failure or OtherRankFailed("another rank has failed."))
        # A signal that arrived during this all-reduce waits for the next one: no other rank knows of it yet.
        if stop:
            self.stop_requested, self.signal = True, int(number)
        return bool(stop)


def channels_last(gan: GAN) -> GAN:
    """The game with the channels of convolution weights adjacent in memory, which is faster on a GPU and on a CPU."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for tensor in (*gan.parameters(), *gan.buffers()):
        if tensor.ndim in formats:
            # Not contiguous(): of one channel, it returns weights as they are, whose strides say channels first.
            tensor.data = tensor.data.to(memory_format=formats[tensor.ndim])
    return gan


def reseed(seed: int, device: torch.device) -> None:
    """torch.manual_seed for the generators that a game on this device draws from.

    Seeding the generators of all other devices too takes longer than a small network's forward pass.
    """
    if device.type not in ("cpu", "cuda"):
        torch.manual_seed(seed)
        return
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
