"""Drawing from a trained game: class numbers and seeded samples, the same from a run as from an exported file."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.game import GAN

BATCH = 256

Labels = int | Sequence[int] | Tensor | None


def class_numbers(gan: GAN, name: str, n: int, labels: Labels) -> Tensor | None:
    """Class numbers `[n]` from one class, a sequence that is repeated as needed, or None (every class in turn).

    None for a game that knows no classes. name: the variant's. Raises GanzooError when the variant does not know
    classes or a number is out of range.
    """
    classes = getattr(gan, "classes", 0)
    if not classes:
        if labels is not None:
            raise GanzooError(f"{name!r} is not conditional, it cannot draw a class; try `conditional`.")
        return None
    wrong = GanzooError(f"there is no such class: this run has the classes 0 to {classes - 1}.")
    try:
        chosen = torch.arange(classes) if labels is None else torch.as_tensor(labels).flatten().long()
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise wrong from None
    if not len(chosen) or chosen.min() < 0 or chosen.max() >= classes:
        raise wrong
    return chosen.repeat(math.ceil(n / len(chosen)))[:n]


def draw(
    gan: GAN,
    name: str,
    n: int,
    labels: Labels = None,
    *,
    seed: int = 0,
    truncation: float | None = None,
    averaged: bool = True,
    device: torch.device | None = None,
) -> Tensor:
    """Draw `n` samples `[n, *shape]`, on the CPU, in the data's range; the arguments are those of `Run.sample`."""
    if n < 1:
        raise GanzooError(f"cannot draw {n} samples: ask for at least one.")
    if truncation is not None and not truncation > 0:
        raise GanzooError(f"truncation must be a number of deviations above 0, not {truncation:g}.")
    y = class_numbers(gan, name, n, labels)
    gan = gan.to(device or torch.device("cpu"))
    options = {} if truncation is None else {"truncation": truncation}
    if options and not hasattr(gan, "draw_latent"):
        raise GanzooError(f"{name!r} has no latent vector to truncate.")
    parts = []
    with gan.for_sampling(averaged), torch.random.fork_rng():
        torch.manual_seed(seed)
        for start in range(0, n, BATCH):
            count = min(BATCH, n - start)
            part = None if y is None else y[start : start + count].to(device)
            parts.append(gan.sample(count, part, **options).float().cpu())
    return torch.cat(parts)
