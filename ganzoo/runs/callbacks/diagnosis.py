"""Diagnosis while training: looks at samples, logits and logged terms every so often, and gives each hint once."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from ganzoo.callbacks import Callback
from ganzoo.files.atomic import append_line, write_atomically
from ganzoo.files.records import read_records
from ganzoo.game import GAN, AdversarialLoss, Latent, uncompiled
from ganzoo.runs.callbacks.symptoms import Hint, Look, find, unsound
from ganzoo.runs.run import Run
from ganzoo.training.nonfinite import NonFinite
from ganzoo.zoo import registry

if TYPE_CHECKING:
    from ganzoo.callbacks import Training

log = logging.getLogger(__name__)

SAMPLES = 256
LOOKS = 20


def looks_every(steps: int) -> int:
    """Steps between looks: 20 looks in a training, but none oftener than every 50 steps, as each costs about a step."""
    return max(50, math.ceil(steps / LOOKS))


class Diagnosis(Callback):
    """Looks at the training every `every` steps; writes RUN/diagnosis.jsonl and, when a hint is due, RUN/hints.jsonl.

    A look is a function of weights, data, seed and step, and a hint one of the looks so far; both files are cut back to
    the step that a training goes on from. So a resumed training ends with the files of an unbroken one.
    """

    def __init__(self, run: Run, every: int) -> None:
        self.run, self.every = run, every
        self.looks_file, self.hints_file = run.path / "diagnosis.jsonl", run.path / "hints.jsonl"
        self.looks: list[Look] = []
        self.hints: list[dict[str, Any]] = []
        self.logged: list[dict[str, float]] = []
        self.variety: Variety | None = None
        self.broken = False

    def on_start(self, trainer: Training) -> None:
        step = trainer.progress.step
        # What was written before the first checkpoint of a killed training is written again.
        last = step if step else -1
        self.looks, self.hints = cut_back(self.looks_file, last), cut_back(self.hints_file, last)
        self.variety = Variety.of(trainer)
        if step == 0:
            self.look(trainer)
        seen = self.looks[-1]["step"] if self.looks else 0
        self.logged = [record for record in self.run.metrics() if seen < record["step"] <= step]

    def on_log(self, trainer: Training, values: dict[str, float]) -> None:
        self.logged.append(values)

    def on_step(self, trainer: Training) -> None:
        if trainer.progress.step % self.every == 0 and not self.broken:
            self.look(trainer)

    def look(self, trainer: Training) -> None:
        """Measure, record, and give the hints that are due."""
        look: Look = {"step": trainer.progress.step}
        try:
            with as_it_was(trainer.gan):
                look |= self.variety.measure(trainer) if self.variety is not None else {}
                look |= duel(trainer) if isinstance(trainer.gan, Duel) else {}
        except Exception as error:
            # Somebody's game may not bear to be looked at; its training must not end for that.
            self.broken = True
            what = " ".join(f"{type(error).__name__}: {error}".split())
            log.warning("the diagnosis failed (%s); training goes on without it.", what)
            return
        terms = [abs(value) for record in self.logged for name, value in record.items() if "/" in name]
        look |= {"term": max(terms)} if terms else {}
        self.logged = []
        # Neither NaN nor infinity is JSON.
        look = {name: value for name, value in look.items() if math.isfinite(value)}
        self.looks.append(look)
        append_line(self.looks_file, json.dumps(look))
        for hint in find(self.looks, trainer.recipe, list(trainer.gan.players)):
            self.give(hint)

    def give(self, hint: Hint) -> None:
        """Record and show a hint, unless the run has had it."""
        if any(given["name"] == hint.name for given in self.hints):
            return
        self.hints.append(dataclasses.asdict(hint))
        append_line(self.hints_file, json.dumps(self.hints[-1]))
        log.warning("hint: %s", hint.hint)


@dataclasses.dataclass(frozen=True)
class Variety:
    """Real samples, always the same, with which fake ones are compared in pixels or coordinates.

    index: which of the data they are. real: `[N, D]`. reached: how many of them held-out real samples are nearest to.
    spread: mean distance between two of them.
    """

    index: Tensor
    real: Tensor
    reached: int
    spread: float
    vectors: Callable[[Tensor], Tensor]

    @classmethod
    def of(cls, trainer: Training) -> Variety | None:
        """The measure for a training; None where the modality has no vectors, or there are too few data."""
        dataset = trainer.stream.dataset
        count = min(SAMPLES, dataset.count // 2)
        if count < SAMPLES // 4 or type(trainer.gan).sample is GAN.sample:
            return None
        order = some(dataset.count)
        first = dataset.batch(order[:1])
        vectors = cast(Callable[[Tensor], Tensor], registry.modality(dataset.spec.modality).vectors)
        if "x" not in first or vectors(first["x"]) is None:
            return None
        real, held_out = (
            torch.cat([vectors(dataset.batch(part)["x"]) for part in index.split(trainer.part_size)])
            for index in (order[:count], order[count : 2 * count])
        )
        spread = distances(real, real).mean().item()
        return cls(order[:count], real, reached(distances(real, held_out)), spread, vectors)

    def measure(self, trainer: Training) -> Look:
        """`variety` and `spread` of as many fake samples, drawn from the same latents each time."""
        gan, dataset = trainer.gan, trainer.stream.dataset
        fakes = []
        with gan.for_sampling(averaged=False):
            torch.manual_seed(trainer.recipe.seed)
            for part in self.index.split(trainer.part_size):
                y = dataset.batch(part)["y"] if gan.classes else None
                with trainer.fabric.autocast():
                    fakes.append(self.vectors(gan.sample(len(part), y)))
        fake = torch.cat(fakes)
        return {
            "variety": reached(distances(self.real, fake)) / self.reached,
            "spread": distances(fake, fake).mean().item() / self.spread,
        }


def reached(to_real: Tensor) -> int:
    """How many real samples are the nearest one to any of the others: distances `[real, others]`."""
    return len(to_real.argmin(dim=0).unique())


def distances(a: Tensor, b: Tensor) -> Tensor:
    # The quicker way, by products, is too coarse for samples that are almost equal.
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def some(count: int) -> Tensor:
    """All indices in an order that is always the same."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))


@runtime_checkable
class Duel(Latent, Protocol):
    """What a game must have for its generator and discriminator to be looked at together, as TwoPlayer has it."""

    generator: torch.nn.Module
    loss: AdversarialLoss

    def judge_both(self, real: Tensor, fake: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]: ...


def duel(trainer: Training, samples: int = SAMPLES // 4) -> Look:
    """`separation`, `logits` and `gradient` of a game of two, in training mode as the players meet.

    The real samples are always the same, and so are the latents.
    """
    gan: Any = trainer.gan
    dataset, size = trainer.stream.dataset, trainer.part_size
    order = some(dataset.count)[: max(size, samples)]
    # In the trainer only the player that moved last has gradients.
    weights = [weight.requires_grad_(True) for weight in gan.generator.parameters()]
    torch.manual_seed(trainer.recipe.seed)
    reals, fakes, gradient = [], [], 0.0
    for number, part in enumerate(order.split(size)):
        batch = dataset.batch(part)
        real, y = batch["x"], batch.get("y")
        with torch.set_grad_enabled(number == 0), trainer.fabric.autocast():
            fake = gan.generate(gan.draw_latent(len(real)), y)
            real_logits, fake_logits = gan.judge_both(real, fake, y)
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
def as_it_was(gan: GAN) -> Iterator[None]:
    """Put back every buffer and every `requires_grad`, and run nothing compiled meanwhile."""
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


def cut_back(path: Path, step: int) -> list[dict[str, Any]]:
    """The lines of a file up to a step; the rest of the file is removed, and a file with none of them too."""
    kept = [record for record in read_records(path) if record["step"] <= step]
    if kept:
        write_atomically(path, "".join(json.dumps(record) + "\n" for record in kept).encode())
    else:
        path.unlink(missing_ok=True)
    return kept


@contextmanager
def noting(callbacks: Sequence[Callback], trainer: Training) -> Iterator[None]:
    """Let a diagnosis among the callbacks give its hint when the training has to stop for its numbers."""
    try:
        yield
    except NonFinite:
        for callback in callbacks:
            if isinstance(callback, Diagnosis):
                callback.give(unsound(trainer.progress.step + 1, trainer.recipe, list(trainer.gan.players)))
        raise
