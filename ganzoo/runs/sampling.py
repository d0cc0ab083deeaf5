"""Drawing from a trained game: class numbers and seeded samples, the same from a run as from an exported file."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.game import GAN
from ganzoo.machine.rank_group import BATCH
from ganzoo.machine.tf32 import full_precision

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
    with drawn_by_rows(
        gan, name, n, labels, seed=seed, truncation=truncation, averaged=averaged, device=device
    ) as rows:
        return torch.cat([rows(slice(start, start + BATCH)) for start in range(0, n, BATCH)])


@contextmanager
def drawn_by_rows(
    gan: GAN,
    name: str,
    n: int,
    labels: Labels = None,
    *,
    seed: int = 0,
    truncation: float | None = None,
    averaged: bool = True,
    device: torch.device | None = None,
) -> Iterator[Callable[[slice], Tensor]]:
    """`draw`, chunk by chunk in any order: a function from the rows of a chunk of `BATCH` to the samples in them."""
    if n < 1:
        raise GanzooError(f"cannot draw {n} samples: ask for at least one.")
    if truncation is not None and not truncation > 0:
        raise GanzooError(f"truncation must be a number of deviations above 0, not {truncation:g}.")
    y = class_numbers(gan, name, n, labels)
    gan = gan.to(device or torch.device("cpu"))
    options = {} if truncation is None else {"truncation": truncation}
    if options and not hasattr(gan, "draw_latent"):
        raise GanzooError(f"{name!r} has no latent vector to truncate.")

    def rows(chunk: slice) -> Tensor:
        count = min(chunk.stop, n) - chunk.start
        torch.manual_seed(chunk_seed(seed, chunk.start // BATCH))
        part = None if y is None else y[chunk.start : chunk.start + count].to(device)
        return gan.sample(count, part, **options).float().cpu()

    # Of the devices only the one in use: a process has no business with the GPUs of other ranks.
    used = [device] if device is not None and device.type == "cuda" else []
    with gan.for_sampling(averaged), torch.random.fork_rng(used), full_precision(device or torch.device("cpu")):
        yield rows


def chunk_seed(seed: int, chunk: int) -> int:
    """What the generator is seeded with before a chunk, 0 to 2^63 - 1; for the first it is the seed itself."""
    if not chunk:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed} {chunk}".encode()).digest()[:8], "big") >> 1


def slerp(a: Tensor, b: Tensor, share: Tensor | float) -> Tensor:
    """Spherical interpolation of vectors `[N, D]`."""
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = torch.arccos(cosine)[:, None]
    return (torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b) / torch.sin(angle)
