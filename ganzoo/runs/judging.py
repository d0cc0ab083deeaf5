"""What a trained game says of given samples: how strange they are, and how it would draw them itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.game import GAN, Encoder, Latent, Reversible, Scorer
from ganzoo.machine.rank_group import BATCH
from ganzoo.machine.seeds import mixed_seed
from ganzoo.runs.sampling import on_host, sampling
from ganzoo.training.rank_random import first_rows_random


def anomaly_scores(
    gan: GAN, name: str, x: Tensor, device: torch.device | None = None, *, averaged: bool = True
) -> Tensor:
    """Anomaly scores `[N]`, float32, of samples `x [N, *shape]` in the data's range, higher for stranger ones.

    name: the variant's. averaged: as of `GAN.for_sampling`. The score of a sample does not depend on the others, up to
    rounding. Raises GanzooError for a game that scores no samples, and for scores that are not one finite number for
    each sample.
    """
    if not isinstance(gan, Scorer):
        raise GanzooError(f"{name!r} scores no samples: `ganzoo score` is for variants that find anomalies.")
    scores = _in_batches(gan, x, gan.anomaly_scores, device, averaged)
    if scores.shape != (len(x),) or not scores.isfinite().all():
        raise GanzooError(f"{name!r} must score each sample with one finite number, and did not.")
    return scores.float()


def reconstruct(gan: GAN, name: str, x: Tensor, range: tuple[float, float] | None) -> Tensor:
    """Samples `[N, *shape]` that the generator draws from the latents that the encoder finds for `x [N, *shape]`.

    name: the variant's. range: of the data, to which they are clamped. Raises GanzooError for a game without encoder.
    """
    if not (isinstance(gan, Encoder) and isinstance(gan, Latent)):
        raise GanzooError(f"{name!r} has no encoder to reconstruct samples with: leave --like and --grid out.")
    encoder, generator = gan, gan
    return on_host(_in_batches(gan, x, lambda part: generator.generate(encoder.encode(part)), None), range)


def translate_back(gan: GAN, name: str, x: Tensor, range: tuple[float, float] | None) -> Tensor:
    """The game's input `[N, ...]`, made from samples `x [N, *shape]`.

    name: the variant's. range: of the input, to which it is clamped. Raises GanzooError for a game without a way back.
    """
    if not isinstance(gan, Reversible):
        raise GanzooError(f"{name!r} makes samples from inputs and no inputs from samples: leave --back out.")
    return on_host(_in_batches(gan, x, gan.back, None), range)


def _in_batches(
    gan: Any, x: Tensor, judge: Callable[[Tensor], Tensor], device: torch.device | None, averaged: bool = True
) -> Tensor:
    """The results of `judge` for all samples, on the CPU, with the same random numbers each time."""
    device = device or torch.device("cpu")
    made = []
    with sampling(gan, device, averaged):
        for start in range(0, len(x), BATCH):
            part = x[start : start + BATCH].to(device)
            torch.manual_seed(mixed_seed("judge", start // BATCH))
            with first_rows_random(len(part), BATCH):
                made.append(judge(part).cpu())
    return torch.cat(made)
