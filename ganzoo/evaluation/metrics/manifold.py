"""Density and coverage: precision and recall that a single outlier among the real images cannot inflate."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ganzoo.data.samples import Measured, Samples
from ganzoo.evaluation.features.extraction import Features
from ganzoo.evaluation.features.pairs import feature_pair

NEIGHBOURS = 5
MAX_DISTANCES = 1_000_000
"""Maximum number of distances in memory, 8 MB: more exceed the processor's caches, fewer keep its threads idle."""


def density_coverage(samples: Samples) -> Measured:
    """Density (around 1 for real images, higher for samples in dense regions) and coverage (0 to 1) in feature space.

    Naeem et al. 2020, https://arxiv.org/abs/2002.09797, section 3, with 5 neighbours. Coverage is the fraction of real
    images with a sample closer than their fifth neighbour; an equal number of real images reaches about 0.97.
    """
    pair = feature_pair(samples)
    density, coverage = pair.cached(f"density {NEIGHBOURS}", lambda fake, _: density_and_coverage(fake, pair.real))
    return pair.measured({"density": density, "coverage": coverage}, neighbours=NEIGHBOURS)


def density_and_coverage(fake: Tensor, real: Features) -> tuple[float, float]:
    """Density and coverage of `fake [M, D]` with respect to balls around `real [N, D]` up to the fifth neighbour.

    Equations 4 and 5 of Naeem et al. 2020. Distances are computed in chunks of rows to bound memory.
    """
    # Reused for every set of samples that is compared with these images.
    radius = real.memo.once(("radii", NEIGHBOURS), lambda: radii(real.features, NEIGHBOURS))
    inside, covered = 0, torch.zeros(len(real.features), dtype=torch.bool)
    for distances in _distances(fake, real.features):
        hits = distances < radius
        inside += int(hits.sum())
        covered |= hits.any(dim=0)
    return inside / (NEIGHBOURS * len(fake)), covered.double().mean().item()


def radii(real: Tensor, neighbours: int) -> Tensor:
    """Distance of each row of `real [N, D]` to its k-th nearest other row: `[N]`."""
    # The nearest row is the row itself.
    k = min(neighbours + 1, len(real))
    return torch.cat([distances.topk(k, largest=False).values[:, -1] for distances in _distances(real, real)])


def _distances(a: Tensor, b: Tensor) -> Iterator[Tensor]:
    for part in a.split(max(1, MAX_DISTANCES // len(b))):
        yield torch.cdist(part, b)
