"""Drawing from a trained game: class numbers and seeded samples, the same from a run as from an exported file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.game import GAN, Progress, has_latent
from ganzoo.machine.rank_group import BATCH
from ganzoo.machine.seeds import mixed_seed
from ganzoo.machine.tf32 import full_precision
from ganzoo.machine.threads import require_no_other_training
from ganzoo.recipes import DataSpec, Recipe, at_step
from ganzoo.runs.classes import Labels, as_numbers, drawn
from ganzoo.specs import Variant
from ganzoo.training.rank_random import first_rows_random
from ganzoo.zoo.making import make_game


def build_at(variant: Variant, recipe: Recipe, data: DataSpec, step: int) -> GAN:
    """The game with newly initialised weights, the same for the same seed, as `on_step` leaves it for step `step`.

    step: how many steps were done when its weights were saved, which are to be loaded into it.
    """
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        gan = make_game(variant, recipe, data)
        last = max(step - 1, 0)
        if recipe.schedules:
            gan.follow(at_step(recipe, last, recipe.steps))
        torch.manual_seed(mixed_seed("on_step", recipe.seed, last))
        gan.on_step(Progress(last, recipe.steps))
    return gan


@dataclass(frozen=True, eq=False)
class Draw:
    """What to draw from a trained game; the same draw gives the same samples. Raises GanzooError for a bad value.

    n: number of samples, at least 1.
    labels: a class number, or a sequence or tensor of them that is repeated as needed. By default a conditional game
    draws every class in turn.
    seed: of the random numbers. Sample k of a seed has the same ones whatever `n` is; its values can differ by
    rounding, as kernels add in another order for another batch size.
    truncation: draw only latents within this many standard deviations, above 0: less variety, more typical samples
    (Brock et al. 2019, https://arxiv.org/abs/1809.11096, section 3.1).
    averaged: draw from the averaged weights where the game keeps them, not from the weights as trained.
    device: where the samples are computed, by default the CPU; they are returned on the CPU in any case.
    given: for a game with inputs, these by name, each `[m, ...]` in its range; sample k is drawn from row k modulo m.
    range: the range of the data, to which samples are clamped; None for none.
    """

    n: int
    labels: int | Sequence[int] | np.ndarray | Tensor | None = None
    _: KW_ONLY
    seed: int = 0
    truncation: float | None = None
    averaged: bool = True
    device: torch.device | None = None
    given: Mapping[str, Tensor] | None = None
    range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.n < 1:
            raise GanzooError(f"cannot draw {self.n} samples: at least one is needed.")
        if self.truncation is not None and not self.truncation > 0:
            raise GanzooError(f"truncation must be a number of standard deviations above 0, not {self.truncation:g}.")


def class_numbers(
    gan: GAN, name: str, n: int, labels: int | Sequence[int] | np.ndarray | Tensor | None
) -> Tensor | None:
    """Class numbers `[n]` for the labels of a `Draw`; None for a game that is not conditional.

    name: the variant's. Raises GanzooError for labels of a game that is not conditional and for a number out of range.
    """
    if not gan.classes:
        if labels is not None:
            raise GanzooError(f"{name!r} is not conditional and cannot draw a class; try `conditional`.")
        return None
    wrong = GanzooError(f"no such class: this run has classes 0 to {gan.classes - 1}.")
    try:
        chosen = torch.arange(gan.classes) if labels is None else torch.as_tensor(labels).flatten()
        if chosen.is_floating_point() or chosen.is_complex():
            raise wrong
        chosen = chosen.long()
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise wrong from None
    if not len(chosen) or chosen.min() < 0 or chosen.max() >= gan.classes:
        raise wrong
    return chosen.repeat(math.ceil(n / len(chosen)))[:n]


def random_labels(n: int, classes: int, seed: int, like: Tensor | None = None) -> Tensor:
    """Class numbers `[n]` of samples to be scored: drawn at random, each as often as in `like`, the real labels `[N]`.

    Without these, all classes are equally frequent. Not every class in turn: such samples vary less than real ones do,
    which biases the kernel distance. Label k of a seed does not depend on `n`.
    """
    labels = torch.arange(classes) if like is None else like
    generator = torch.Generator().manual_seed(mixed_seed("labels", seed))
    # Drawn in chunks, as a draw's values may depend on its size.
    chosen = [torch.randint(len(labels), (BATCH,), generator=generator) for _ in range(math.ceil(n / BATCH))]
    return labels[torch.cat(chosen)[:n]]


def draw(gan: GAN, name: str, wanted: Draw) -> Tensor:
    """Samples `[n, *shape]` of a game, on the CPU, in the data's range (images: [-1, 1]).

    name: the variant's, for messages. Raises GanzooError for labels that are not classes of the game, and for a
    truncation if the game has no latents.
    """
    with chunk_sampler(gan, name, wanted) as sample:
        return torch.cat([sample(slice(start, start + BATCH)) for start in range(0, wanted.n, BATCH)])


def draw_for(gan: GAN, name: str, data: DataSpec, n: int, labels: Labels, **options: Any) -> Tensor:
    """`draw` for a user: labels may also be names of the classes of `data`, and samples are clamped to its range.

    options: the other fields of `Draw`.
    """
    return draw(gan, name, Draw(n, as_numbers(labels, drawn(gan, data)), range=data.range, **options))


def check_given(gan: GAN, name: str, given: Mapping[str, Tensor] | None) -> Mapping[str, Tensor]:
    """The inputs that a game needs, of those `given`; none for a game without inputs.

    name: the variant's. Raises GanzooError for a missing input, and for any if the game has none.
    """
    given = given or {}
    if not gan.inputs and given:
        raise GanzooError(f"{name!r} draws its samples from noise and takes no inputs: leave them out.")
    missing = [input for input in gan.inputs if input not in given]
    if missing:
        raise GanzooError(f"{name!r} needs the input {' and '.join(missing)} to draw samples from.")
    return {input: given[input] for input in gan.inputs}


@contextmanager
def sampling(gan: GAN, device: torch.device, averaged: bool = True) -> Iterator[None]:
    """Within this block the game on the device is sampled in full precision, and global random states are restored.

    Raises GanzooError while a training run of this process changes weights.
    """
    require_no_other_training()
    # Only the device in use: a process must not touch the GPUs of other ranks.
    used = [device] if device.type == "cuda" else []
    with gan.to(device).for_sampling(averaged), torch.random.fork_rng(used), full_precision(device):
        yield


@contextmanager
def chunk_sampler(gan: GAN, name: str, wanted: Draw) -> Iterator[Callable[[slice], Tensor]]:
    """Yield a function that draws one chunk of a `Draw`: a slice of `BATCH` rows to the samples in them, in any order.

    The arguments and the errors are those of `draw`.
    """
    device = wanted.device or torch.device("cpu")
    y = class_numbers(gan, name, wanted.n, wanted.labels)
    if wanted.truncation is not None and not has_latent(gan):
        raise GanzooError(f"{name!r} has no latent vector to truncate.")
    options: dict[str, Any] = {} if wanted.truncation is None else {"truncation": wanted.truncation}
    given = check_given(gan, name, wanted.given)

    def sample(chunk: slice) -> Tensor:
        count = min(chunk.stop, wanted.n) - chunk.start
        torch.manual_seed(mixed_seed("sample", wanted.seed, chunk.start // BATCH))
        part = None if y is None else y[chunk.start : chunk.start + count].to(device)
        rows = torch.arange(chunk.start, chunk.start + count)
        batch = {input: values[rows % len(values)].to(device) for input, values in given.items()}
        with first_rows_random(count, BATCH):
            return on_host(gan.sample(count, part, **options, **gan.given(batch)), wanted.range)

    with sampling(gan, device, wanted.averaged):
        yield sample


def on_host(samples: Tensor, range: tuple[float, float] | None) -> Tensor:
    """Samples on the CPU, as float32 unless they are integers, clamped to the data's range."""
    samples = (samples.float() if samples.is_floating_point() else samples).cpu()
    return samples if range is None else samples.clamp(*range)


def slerp(a: Tensor, b: Tensor, fraction: Tensor | float) -> Tensor:
    """Spherical interpolation between vectors `[N, D]`, from `a` (fraction 0) to `b` (fraction 1)."""
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = torch.arccos(cosine)[:, None]
    return (torch.sin((1 - fraction) * angle) * a + torch.sin(fraction * angle) * b) / torch.sin(angle)
