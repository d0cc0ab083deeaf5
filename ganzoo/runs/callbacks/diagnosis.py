"""Diagnosis during training: measures samples, logits and logged terms at intervals, and gives each hint once."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from ganzoo.callbacks import Callback
from ganzoo.files.atomic import append_line
from ganzoo.files.records import truncate_log
from ganzoo.game import GAN, AdversarialLoss, Batch, Latent, uncompiled
from ganzoo.recipes import Recipe
from ganzoo.runs.callbacks.symptoms import Hint, Measurement, find_hints, nonfinite_hint
from ganzoo.runs.reading import Hinted, Measured
from ganzoo.runs.run import Run
from ganzoo.training.nonfinite import NonFinite
from ganzoo.zoo import registry

if TYPE_CHECKING:
    from ganzoo.callbacks import Training

log = logging.getLogger(__name__)

SAMPLES = 256
MEASUREMENTS = 20


def measure_every(steps: int) -> int:
    """Steps between measurements: 20 in a training run, at most one every 50 steps, as each costs about a step."""
    return max(50, math.ceil(steps / MEASUREMENTS))


class Diagnosis(Callback):
    """Measures every `every` steps; writes RUN/diagnosis.jsonl and, when a hint is due, RUN/hints.jsonl.

    A measurement is a function of weights, data, seed and step, and a hint is a function of the measurements so far.
    Both files are truncated to the step from which training resumes, so a resumed run ends with the files of an
    uninterrupted one.
    """

    def __init__(self, run: Run, every: int) -> None:
        self.run, self.every = run, every
        self.measurements_file, self.hints_file = run.path / "diagnosis.jsonl", run.path / "hints.jsonl"
        self.measurements: list[Measurement] = []
        self.hints: list[dict[str, Any]] = []
        self.logged: list[dict[str, float]] = []
        self.variety: Variety | None = None
        self.failed = False

    def on_start(self, trainer: Training) -> None:
        step = trainer.progress.step
        # A run that was killed before its first checkpoint starts over and writes these lines again.
        last = step if step else -1
        self.measurements = truncate_log(self.measurements_file, last, Measured, keep_empty=False)
        self.hints = truncate_log(self.hints_file, last, Hinted, keep_empty=False)
        self.variety = Variety.of(trainer)
        if step == 0:
            self.measure(trainer)
        seen = self.measurements[-1]["step"] if self.measurements else 0
        self.logged = [record for record in self.run.metrics() if seen < record["step"] <= step]

    def on_log(self, trainer: Training, values: dict[str, float]) -> None:
        self.logged.append(values)

    def on_step(self, trainer: Training) -> None:
        if trainer.progress.step % self.every == 0 and not self.failed:
            self.measure(trainer)

    def on_end(self, trainer: Training) -> None:
        # A run that was stopped gets no hint here, so that once resumed it has the hints of an uninterrupted one.
        if trainer.progress.step == trainer.progress.steps and not self.failed:
            self.find_hints(trainer, finished=True)

    def measure(self, trainer: Training) -> None:
        """Measure, record, and give the hints that are due."""
        measurement: Measurement = {"step": trainer.progress.step}
        try:
            with restored(trainer.gan):
                measurement |= self.variety.measure(trainer) if self.variety is not None else {}
                measurement |= (
                    logit_statistics(trainer) if isinstance(trainer.gan, HasLogits) and not trainer.gan.inputs else {}
                )
        except Exception as error:
            # Measuring a third-party game can fail; that must not end its training.
            self.failed = True
            what = " ".join(f"{type(error).__name__}: {error}".split())
            log.warning("the diagnosis failed (%s); training continues without it.", what)
            return
        terms = [abs(value) for record in self.logged for name, value in record.items() if "/" in name]
        measurement |= {"term": max(terms)} if terms else {}
        self.logged = []
        # JSON has neither NaN nor infinity.
        measurement = {name: value for name, value in measurement.items() if math.isfinite(value)}
        self.measurements.append(measurement)
        append_line(self.measurements_file, json.dumps(measurement))
        self.find_hints(trainer)

    def find_hints(self, trainer: Training, finished: bool = False) -> None:
        """Give the hints that are due. Each sees those before it, also of earlier processes, and contradicts none."""
        players = list(trainer.gan.players)
        for hint in find_hints(self.measurements, trainer.recipe, players, self.own_recipe(), self.hints, finished):
            self.add_hint(hint)

    def own_recipe(self) -> Recipe | None:
        """The variant's own recipe, from which that of the run may depart; None if it is not known."""
        variant = registry.variants().get(self.run.info.get("variant", ""))
        return variant.recipes.get(self.run.info.get("recipe_name", "")) if variant else None

    def add_hint(self, hint: Hint) -> None:
        """Record and show a hint, unless the run already has it."""
        if any(given["name"] == hint.name for given in self.hints):
            return
        self.hints.append(dataclasses.asdict(hint))
        append_line(self.hints_file, json.dumps(self.hints[-1]))
        log.warning("hint: %s", hint.hint)


@dataclasses.dataclass(frozen=True)
class Variety:
    """A fixed set of real samples with which fake ones are compared, in pixels or coordinates.

    index: their indices in the data set. real: `[N, D]`. held_out_count: how many of them are the nearest one to some
    held-out real sample. spread: mean distance between two of them.
    """

    index: Tensor
    real: Tensor
    held_out_count: int
    spread: float
    vectors: Callable[[Tensor], Tensor]

    @classmethod
    def of(cls, trainer: Training) -> Variety | None:
        """The measure for a training run; None if the modality has no vectors or the data set is too small."""
        dataset = trainer.stream.dataset
        count = min(SAMPLES, dataset.count // 2)
        if count < SAMPLES // 4 or type(trainer.gan).sample is GAN.sample:
            return None
        order = fixed_order(dataset.count)
        first = dataset.batch(order[:1])
        vectors = cast(Callable[[Tensor], Tensor], registry.modality(dataset.spec.modality).vectors)
        if "x" not in first or vectors(first["x"]) is None:
            return None
        real, held_out = (
            torch.cat([vectors(dataset.batch(part)["x"]) for part in index.split(trainer.part_size)])
            for index in (order[:count], order[count : 2 * count])
        )
        spread = distances(real, real).mean().item()
        return cls(order[:count], real, count_nearest(distances(real, held_out)), spread, vectors)

    def measure(self, trainer: Training) -> Measurement:
        """`variety` and `spread` of the same number of fake samples, drawn from the same latents each time."""
        gan, dataset = trainer.gan, trainer.stream.dataset
        fakes = []
        with gan.for_sampling(averaged=False):
            torch.manual_seed(trainer.recipe.seed)
            for part in self.index.split(trainer.part_size):
                batch = dataset.batch(part)
                y = batch["y"] if gan.classes and not gan.codes else None
                with trainer.fabric.autocast():
                    fakes.append(self.vectors(gan.sample(len(part), y, **gan.given(batch))))
        fake = torch.cat(fakes)
        return {
            "variety": count_nearest(distances(self.real, fake)) / self.held_out_count,
            "spread": distances(fake, fake).mean().item() / self.spread,
        }


def count_nearest(to_real: Tensor) -> int:
    """How many real samples are the nearest one to some other sample, from distances `[real, others]`."""
    return len(to_real.argmin(dim=0).unique())


def distances(a: Tensor, b: Tensor) -> Tensor:
    # The faster way, by matrix multiplication, is too inaccurate for samples that are almost equal.
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def fixed_order(count: int) -> Tensor:
    """All indices in a random order that is always the same."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))


@runtime_checkable
class HasLogits(Latent, Protocol):
    """A game with a generator, a loss, and logits of real and fake samples, such as TwoPlayer."""

    generator: torch.nn.Module
    loss: AdversarialLoss

    def judge_batch(self, batch: Batch) -> tuple[Tensor, Tensor]: ...


def logit_statistics(trainer: Training, samples: int = SAMPLES // 4) -> Measurement:
    """`separation`, `logits` and `gradient` of a two-player game, with both players in training mode.

    The real samples and the latents are the same each time.
    """
    gan: Any = trainer.gan
    dataset, size = trainer.stream.dataset, trainer.part_size
    order = fixed_order(dataset.count)[: max(size, samples)]
    # The trainer leaves gradients on only for the player that was updated last.
    weights = [weight.requires_grad_(True) for weight in gan.generator.parameters()]
    torch.manual_seed(trainer.recipe.seed)
    reals, fakes, gradient = [], [], 0.0
    for number, part in enumerate(order.split(size)):
        batch = dataset.batch(part)
        with torch.set_grad_enabled(number == 0), trainer.fabric.autocast():
            real_logits, fake_logits = gan.judge_batch(batch)
            if number == 0:
                loss = gan.loss.generator(fake_logits.float(), real_logits.float())
                parts = torch.autograd.grad(loss, weights, allow_unused=True)
                gradient = torch.stack([g.norm() for g in parts if g is not None]).norm().item()
        reals.append(real_logits.detach().float())
        fakes.append(fake_logits.detach().float())
    real_logits, fake_logits = torch.cat(reals), torch.cat(fakes)
    above = (real_logits[:, None] > fake_logits).float() + 0.5 * (real_logits[:, None] == fake_logits).float()
    spread = torch.cat([real_logits, fake_logits]).std().item()
    return {"separation": above.mean().item(), "gradient": gradient, "logits": spread}


@contextmanager
def restored(gan: GAN) -> Iterator[None]:
    """Restore every buffer and every `requires_grad` at the end of the block; within it, players run uncompiled."""
    buffers = [(buffer, buffer.clone()) for buffer in gan.buffers()]
    weights = [(weight, weight.requires_grad) for weight in gan.players.parameters()]
    with ExitStack() as stack:
        for player in gan.players.values():
            stack.enter_context(uncompiled(player))
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)
            for weight, needed in weights:
                weight.requires_grad_(needed)


@contextmanager
def hint_on_nonfinite(callbacks: Sequence[Callback], trainer: Training) -> Iterator[None]:
    """Let a diagnosis among the callbacks give its hint when training stops at a non-finite number."""
    try:
        yield
    except NonFinite:
        for callback in callbacks:
            if isinstance(callback, Diagnosis):
                step, players = trainer.progress.step + 1, list(trainer.gan.players)
                own = callback.own_recipe()
                callback.add_hint(nonfinite_hint(step, trainer.recipe, players, own, callback.hints))
        raise
