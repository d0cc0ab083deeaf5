"""A GAN is a game: players (networks with an optimiser each) take turns. The trainer knows no more of a variant."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

Batch = MutableMapping[str, Tensor]
"""`{"x": [N, *shape], "y": [N]}`, other names in other games; on the device, in the data's range."""

Terms = dict[str, Tensor]
"""Scalars. Those with a gradient are summed and minimised, detached ones are only logged."""


class LazyBatch(MutableMapping[str, Tensor]):
    """A batch of `size` samples whose parts are gathered when they are first asked for.

    Most losses of a generator look at no real samples, and to gather them takes some percent of a small network's step.
    gather: the part of that name, `[size, ...]`.
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
    """How many samples a batch with a part "x" holds, without gathering them."""
    return batch.size if isinstance(batch, LazyBatch) else len(batch["x"])


class Generator(Protocol):
    """Latent to sample: `z [N, latent]`, and `y [N]` (class numbers) when conditional, to `x [N, *shape]`."""

    def __call__(self, z: Tensor, y: Tensor | None = None) -> Tensor: ...


class Discriminator(Protocol):
    """Sample to one logit, high for real: `x [N, *shape]`, and `y [N]` when conditional, to `[N]`. A critic too."""

    def __call__(self, x: Tensor, y: Tensor | None = None) -> Tensor: ...


class AdversarialLoss(Protocol):
    """The two sides' losses from the logits `[N]` of real and fake samples. Both return a scalar to minimise.

    paired: whether the generator's loss looks at the real logits too; if not, `real` may be empty there.
    """

    paired: bool

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor: ...

    def generator(self, fake: Tensor, real: Tensor) -> Tensor: ...


class Penalty(Protocol):
    """An unweighted penalty on a critic (`x [N, *shape]` to `[N]`), from as many real as fake samples. A scalar."""

    def __call__(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Phase:
    """One row of the game's turn order: in it, one player moves to lower the sum of `loss`'s terms.

    It runs `repeats` times in each step that `every` divides, from step `start` until before step `stop`. A phase that
    runs every k-th step has its gradient multiplied by k, so that its weight means the same for each k (Karras et al.
    2020, section 3.2, lazy regularisation).
    """

    name: str
    player: str
    loss: Callable[[Batch], Terms]
    every: int = 1
    repeats: int = 1
    start: int = 0
    stop: int | None = None

    def runs_at(self, step: int) -> bool:
        """Whether the phase runs in step number `step`, counted from 0."""
        return step >= self.start and (self.stop is None or step < self.stop) and step % self.every == 0


@dataclass
class Progress:
    """Where training is: steps done, steps in all, and batches drawn so far."""

    step: int = 0
    steps: int = 0
    batches: int = 0

    @property
    def share(self) -> float:
        """Share of training that is done, 0 to 1."""
        return self.step / self.steps if self.steps else 0.0


class GAN(nn.Module):
    """The base of all games.

    players: the networks that learn, by name; each has an Optimiser of the same name in the recipe.
    ema: names of the players of which an exponential moving average is kept, and used to sample.

    A network that is not a player (a frozen feature extractor) is an attribute like in any module. State that is
    neither weights nor optimiser state (running means, an image pool, the growth level) belongs in registered buffers:
    then checkpoints and ranks get it for free.
    """

    def __init__(self, players: Mapping[str, nn.Module], ema: Iterable[str] = ()) -> None:
        super().__init__()
        self.players = nn.ModuleDict(players)
        self.averages = nn.ModuleDict({name: copy.deepcopy(players[name]).requires_grad_(False) for name in ema})
        self._averaged: tuple[list[Tensor], list[Tensor], list[tuple[Tensor, Tensor]]] | None = None

    def phases(self) -> list[Phase]:
        """The turn order. Asked for once, before the first step."""
        raise NotImplementedError

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """Draw `n` samples `[n, *shape]` in the data's range, of classes `y [n]` where the game knows classes."""
        raise NotImplementedError

    def on_step(self, progress: Progress) -> None:
        """Called before each step: growth, temperatures."""

    def after_update(self, phase: Phase) -> None:
        """Called after each optimiser step: weight clipping."""

    @contextmanager
    def for_sampling(self, averaged: bool = True) -> Iterator[None]:
        """Evaluation mode without gradients and, where there are averages, with them in the players' places."""
        players = dict(self.players.items())
        training = self.training
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
        """Move the averages towards the players: weights and running statistics alike, counters copied.

        decay: a number, or a scalar on the device where this is recorded for replay (see capture.py).
        """
        # Found once, as to look for them takes longer than to move those of a small network; but a game that changes
        # from step to step may have made new ones.
        if self._averaged is None or type(self).on_step is not GAN.on_step:
            self._averaged = self._find_averaged()
        mean, new, counters = self._averaged
        for slow, fast in counters:
            slow.copy_(fast)
        if isinstance(decay, Tensor):
            step = torch._foreach_sub(new, mean)
            torch._foreach_mul_(step, 1.0 - decay)
            torch._foreach_add_(mean, step)
        elif mean:
            torch._foreach_lerp_(mean, new, 1.0 - decay)

    def _find_averaged(self) -> tuple[list[Tensor], list[Tensor], list[tuple[Tensor, Tensor]]]:
        """Averages, what they are averages of, and the counters beside them with what they count."""
        mean: list[Tensor] = []
        new: list[Tensor] = []
        counters = []
        for name, average in self.averages.items():
            player = self.players[name]
            mean += average.parameters()
            new += player.parameters()
            for slow, fast in zip(average.buffers(), player.buffers(), strict=True):
                if slow.is_floating_point():
                    mean.append(slow)
                    new.append(fast)
                else:
                    counters.append((slow, fast))
        return mean, new, counters

    def _apply(self, *args: Any, **options: Any) -> Any:
        # Moving to a device makes new buffers.
        self._averaged = None
        return super()._apply(*args, **options)


@contextmanager
def uncompiled(module: nn.Module) -> Iterator[None]:
    """Run a module that `module.compile()` compiled eagerly for a while."""
    compiled = module._compiled_call_impl
    module._compiled_call_impl = None
    try:
        yield
    finally:
        module._compiled_call_impl = compiled
