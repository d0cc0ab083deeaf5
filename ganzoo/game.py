"""A GAN is a game: players (networks, each with an optimiser) take turns. The trainer knows no more about a variant."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ganzoo.recipes import Recipe

Batch = MutableMapping[str, Tensor]
"""`{"x": [N, *shape], "y": [N]}`, other names in other games; on the device, in the data's range."""

Terms = dict[str, Tensor]
"""Scalars. Those with a gradient are summed and minimised, detached ones are only logged."""


class LazyBatch(MutableMapping[str, Tensor]):
    """A batch of `size` samples whose tensors are gathered on first access.

    Most generator losses use no real samples, and gathering them takes a few percent of a small network's step.
    gather: returns the tensor of that name, `[size, ...]`.
    """

    def __init__(self, size: int, names: Iterable[str], gather: Callable[[str], Tensor]) -> None:
        self.size = size
        self._gather = gather
        self._parts: dict[str, Tensor | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> Tensor:
        part = self._parts[name]
        if part is None:
            part = self._parts[name] = self._gather(name)
        return part

    def __setitem__(self, name: str, part: Tensor) -> None:
        self._parts[name] = part

    def __delitem__(self, name: str) -> None:
        del self._parts[name]

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


def batch_size(batch: Batch) -> int:
    """Number of samples in a batch that has a tensor "x", without gathering them."""
    return batch.size if isinstance(batch, LazyBatch) else len(batch["x"])


class Generator(Protocol):
    """Latent to sample: `z [N, latent]`, and `y [N]` (class numbers) when conditional, to `x [N, *shape]`."""

    def __call__(self, z: Tensor, y: Tensor | None = None) -> Tensor: ...


class Discriminator(Protocol):
    """Sample to one logit, high for real: `x [N, *shape]`, and `y [N]` when conditional, to `[N]`. A critic too."""

    def __call__(self, x: Tensor, y: Tensor | None = None) -> Tensor: ...


class AdversarialLoss(Protocol):
    """Both players' losses from the logits `[N]` of real and fake samples. Each returns a scalar to minimise.

    paired: whether the generator's loss uses the real logits too; if not, `real` may be empty there.
    """

    paired: bool

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor: ...

    def generator(self, fake: Tensor, real: Tensor) -> Tensor: ...


class Penalty(Protocol):
    """An unweighted penalty, a scalar, on a critic (`x [N, *shape]` to `[N]`); `real` and `fake` are equally long."""

    def __call__(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor: ...


@runtime_checkable
class SharedPenalty(Penalty, Protocol):
    """A penalty on the critic's outputs for the real or the fake samples themselves, as R1 and R2 are.

    at: "real" or "fake". `of` is the same penalty, from logits `[N]` that were computed from samples `x [N, *shape]`
    which require a gradient; so the pass that D's loss needs can serve for both.
    """

    at: str

    def of(self, logits: Tensor, x: Tensor) -> Tensor: ...


class Augmentation(nn.Module):
    """Changes the samples that a discriminator sees, real and generated alike, so that few data suffice.

    Subclass it. What it adapts during training belongs in registered buffers, as all state of a game does.
    """

    batch: int = 1
    """Real samples in an update of D, on all ranks together."""

    def forward(self, x: Tensor) -> Tensor:
        """Augmented samples, differentiable with respect to `x [N, *shape]`; each sample is changed on its own."""
        raise NotImplementedError

    def terms(self, real_logits: Tensor) -> Terms:
        """Detached scalars to add to D's terms, from its logits for augmented real samples; none by default."""
        return {}

    def adapt(self, terms: Terms) -> None:
        """Called after each update of D with the terms of its loss, to change buffers in place."""


@runtime_checkable
class Latent(Protocol):
    """A game that generates its samples from latent vectors, which can be truncated, interpolated and exported.

    `sample` of such a game also takes `truncation`, and passes it on. A game may describe its latents with two
    optional attributes: `latent` is their dimension, `latent_distribution` is "normal" (the default) or "uniform".
    """

    def draw_latent(self, n: int, truncation: float | None = None) -> Tensor:
        """Latent vectors `[n, latent]`, only those within `truncation` standard deviations if it is given."""

    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Samples `[N, *shape]` from latents `z [N, latent]`, of classes `y [N]` if the game is conditional."""


@runtime_checkable
class Encoder(Protocol):
    """A game that finds latent vectors for given samples; with `Latent` it can reconstruct them."""

    def encode(self, x: Tensor) -> Tensor:
        """Latent vectors `[N, latent]` of samples `x [N, *shape]` in the data's range."""


@runtime_checkable
class Scorer(Protocol):
    """A game that says how much samples differ from the training data, for `ganzoo score`."""

    def anomaly_scores(self, x: Tensor) -> Tensor:
        """Anomaly scores `[N]` of samples `x [N, *shape]` in the data's range, higher for stranger ones."""


@runtime_checkable
class Reversible(Protocol):
    """A game with one input that also makes this input from samples, as unpaired translation does."""

    def back(self, x: Tensor) -> Tensor:
        """Inputs `[N, ...]` of samples `x [N, *shape]`, both in their data's range."""


def has_latent(gan: GAN) -> bool:
    """Whether a game draws its samples from latent vectors alone."""
    return isinstance(gan, Latent) and not gan.inputs


@dataclass(frozen=True)
class Phase:
    """One row of the game's turn order, in which one player takes an optimiser step on the sum of `loss`'s terms.

    It runs `repeats` times in each step that is a multiple of `every`, from step `start` up to but excluding `stop`. If
    a phase runs every k-th step, its gradient is multiplied by k, so that its weight has the same meaning for any k:
    lazy regularisation (Karras et al. 2020, section 3.2).

    loss: the terms for a batch; None if nobody moves now, which must then be so on every rank and for every part of the
    batch.
    new_batch: whether each update takes the next batch of the data. If not, it sees the batch of the update before it,
    so that an epoch is over when the other phases have seen every sample.
    batch: samples in an update; None for the recipe's. With another number and without `new_batch`, they begin where
    the recipe's last batch does.
    """

    name: str
    player: str
    loss: Callable[[Batch], Terms | None]
    every: int = 1
    repeats: int = 1
    start: int = 0
    stop: int | None = None
    new_batch: bool = True
    batch: int | None = None

    def runs_at(self, step: int) -> bool:
        """Whether the phase runs in step number `step`, counted from 0."""
        return step >= self.start and (self.stop is None or step < self.stop) and step % self.every == 0


@dataclass
class Progress:
    """How far training has come.

    step, steps: steps done, and in all. updates: updates of any player so far. samples: real samples taken from the
    data set so far; a sample that is seen in two epochs counts twice.
    """

    step: int = 0
    steps: int = 0
    updates: int = 0
    samples: int = 0

    @property
    def share(self) -> float:
        """Fraction of training that is done, 0 to 1."""
        return self.step / self.steps if self.steps else 0.0


@dataclass(frozen=True)
class Level:
    """What the steps of a growing game have in common until it grows again.

    number: of the level. batch: samples in an update, over all devices; None for the recipe's. rate: factor of all
    learning rates. cost: time of a step, relative to other levels. resets: players whose optimisers start over.
    """

    number: int = 0
    batch: int | None = None
    rate: float = 1.0
    cost: float = 1.0
    resets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Course:
    """The levels of a training run. starts: the first step of each level, counted from 0, and the number of steps."""

    levels: tuple[Level, ...]
    starts: tuple[int, ...]

    def cost(self, done: int) -> float:
        """Time that the first `done` steps take, in units of a step of cost 1."""
        spans = zip(self.levels, self.starts, self.starts[1:], strict=False)
        return sum(level.cost * max(0, min(done, end) - start) for level, start, end in spans)


RUNNING_STATISTICS = ("running_mean", "running_var")
"""Names of the buffers that are averaged along with the weights, as PyTorch's normalisation layers have them."""


class GAN(nn.Module):
    """The base class of all games.

    players: the networks that are trained, by name; each has an Optimiser of the same name in the recipe.
    ema: names of the players whose weights have an exponential moving average, which is used for sampling.

    A network that is not a player (a frozen feature extractor) is an attribute, as in any module. State that is neither
    weights nor optimiser state (running means, an image pool, the growth level) belongs in registered buffers: then
    checkpoints save it and ranks share it without further code. In a player with an average, buffers named
    `running_mean` and `running_var` are averaged, and all others are copied.
    """

    classes: int = 0
    """Number of classes that `sample` can draw, given as `y`; 0 for a game that is not conditional."""

    codes: bool = False
    """Whether those classes are codes that the game made up, as InfoGAN does, and not the labels of its data."""

    inputs: tuple[str, ...] = ()
    """Names of the tensors in a batch that `sample` turns into samples, given as `given`; empty for most games."""

    scale: int = 0
    """Of a game whose one input is an image of any size: how many times higher and wider its sample is; else 0."""

    def __init__(self, players: Mapping[str, nn.Module], ema: Iterable[str] = ()) -> None:
        super().__init__()
        self.players = nn.ModuleDict(players)
        self.averages = nn.ModuleDict({name: copy.deepcopy(players[name]).requires_grad_(False) for name in ema})
        self._averaged: tuple[list[Tensor], list[Tensor], list[tuple[Tensor, Tensor]]] | None = None

    def phases(self) -> list[Phase]:
        """The turn order. Called once per training run, before the first step."""
        raise NotImplementedError

    def sample(self, n: int, y: Tensor | None = None, given: Batch | None = None) -> Tensor:
        """Draw `n` samples `[n, *shape]` in the data's range, of classes `y [n]` if the game is conditional.

        given: the game's inputs by name, `[n, ...]` each; passed only if `inputs` names some, so that a game without
        inputs need not have this argument.
        """
        raise NotImplementedError

    def given(self, batch: Batch) -> dict[str, Batch]:
        """What to pass to `sample` besides its other arguments for the inputs in a batch: nothing without inputs."""
        return {"given": {name: batch[name] for name in self.inputs}} if self.inputs else {}

    def prepare(self, dataset: Any) -> None:
        """Called with the training `Dataset` when training starts or resumes; what samples need belongs in buffers."""

    def follow(self, recipe: Recipe) -> None:
        """Called before `on_step` in a run whose recipe has schedules, with the recipe of that step."""

    def on_step(self, progress: Progress) -> None:
        """Called before each step, for example to grow the networks or change a temperature.

        It is called before anything is sampled, too: in training before the first callback, and when a trained game is
        loaded, before its weights and buffers are. So Python attributes that it sets must follow from `progress` alone.
        """

    def level(self, progress: Progress) -> Level:
        """The level of a growing game in the coming step, a function of `progress.step` and `progress.steps` alone."""
        return Level()

    def after_update(self, phase: Phase, terms: Terms) -> None:
        """Called once after each optimiser step, for example to clip weights.

        terms: the phase's terms, detached scalars on the device: their means over the parts of the batch and the ranks.
        """

    @contextmanager
    def for_sampling(self, averaged: bool = True) -> Iterator[None]:
        """Evaluation mode without gradients; with `averaged`, averages replace the players that have them."""
        players, training = dict(self.players.items()), self.training
        if averaged:
            self.players.update(dict(self.averages.items()))
        self.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.players.update(players)
            self.train(training)

    @torch.no_grad()
    def update_averages(self, decay: float | Tensor) -> None:
        """Move the averages towards the players: their weights, and the running means and variances of normalisation.

        All other buffers are copied, as their average means nothing (spectral normalisation's singular vectors).
        decay: a number, or a scalar tensor on the device if this is recorded for replay (see capture.py).
        """
        # Looked up once, as it takes longer than a small network's update; but games with `on_step` may change tensors.
        if self._averaged is None or type(self).on_step is not GAN.on_step:
            self._averaged = self._find_averaged()
        mean, new, copied = self._averaged
        for slow, fast in copied:
            slow.copy_(fast)
        if isinstance(decay, Tensor):
            step = torch._foreach_sub(new, mean)
            torch._foreach_mul_(step, 1.0 - decay)
            torch._foreach_add_(mean, step)
        elif mean:
            torch._foreach_lerp_(mean, new, 1.0 - decay)

    def _find_averaged(self) -> tuple[list[Tensor], list[Tensor], list[tuple[Tensor, Tensor]]]:
        """The averages, the tensors they average, and pairs of the average's and the player's other buffers."""
        mean: list[Tensor] = []
        new: list[Tensor] = []
        copied = []
        for name, average in self.averages.items():
            player = self.players[name]
            mean += average.parameters()
            new += player.parameters()
            for (buffer, slow), fast in zip(average.named_buffers(), player.buffers(), strict=True):
                if buffer.rpartition(".")[2] in RUNNING_STATISTICS and slow.is_floating_point():
                    mean.append(slow)
                    new.append(fast)
                else:
                    copied.append((slow, fast))
        return mean, new, copied

    def _apply(self, *args: Any, **options: Any) -> Any:
        # Moving to another device creates new buffers.
        self._averaged = None
        return super()._apply(*args, **options)


def course_of(gan: GAN, steps: int) -> Course:
    """The levels that a game goes through in that many steps; one for a game that does not grow."""
    if type(gan).level is GAN.level:
        return Course((gan.level(Progress(0, steps)),), (0, steps))
    levels: list[Level] = []
    starts: list[int] = []
    for step in range(steps):
        level = gan.level(Progress(step, steps))
        if not levels or level != levels[-1]:
            levels.append(level)
            starts.append(step)
    return Course(tuple(levels), (*starts, steps))


@contextmanager
def uncompiled(module: nn.Module) -> Iterator[None]:
    """Within this block, run a module eagerly that `module.compile()` compiled."""
    compiled, module._compiled_call_impl = module._compiled_call_impl, None
    try:
        yield
    finally:
        module._compiled_call_impl = compiled
