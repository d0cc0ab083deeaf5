"""Density and coverage: precision and recall that a single outlier among the real images cannot inflate."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ganzoo.data.samples import Measured, Samples
from ganzoo.evaluation.features.extraction import Features
from ganzoo.evaluation.features.pairs import feature_pair
from ganzoo.evaluation.standard_errors import groups_of, jackknife, of_mean

NEIGHBOURS = 5
MAX_DISTANCES = 1_000_000
"""Maximum number of distances in memory, 8 MB: more exceed the processor's caches, fewer keep its threads idle."""


def density_coverage(samples: Samples) -> Measured:
    """Density (around 1 for real images, higher for samples in dense regions) and coverage (0 to 1) in feature space.

    Naeem et al. 2020, https://arxiv.org/abs/2002.09797, section 3, with 5 neighbours. Coverage is the fraction of real
    images with a sample closer than their fifth neighbour; an equal number of real images reaches about 0.97.
    """
    pair = feature_pair(samples)
    found = pair.cached(f"density with errors {NEIGHBOURS}", lambda fake, _: density_and_coverage(fake, pair.real))
    return pair.measured(
        {"density": found[0], "coverage": found[1]}, lambda: [found[2], found[3]], neighbours=NEIGHBOURS
    )


def density_and_coverage(fake: Tensor, real: Features) -> tuple[float, float, float, float]:
    """Density and coverage of `fake [M, D]` with respect to balls around `real [N, D]`, and their standard errors.

    The balls reach to the fifth neighbour.

    Equations 4 and 5 of Naeem et al. 2020. Distances are computed in chunks of rows to bound memory.
    """
    # Reused for every set of samples that is compared with these images.
    radius = real.memo.once(("radii", NEIGHBOURS), lambda: radii(real.features, NEIGHBOURS))
    inside: list[Tensor] = []
    covered: list[Tensor] = []
    for rows in groups_of(len(fake)):
        by_group = torch.zeros(len(real.features), dtype=torch.bool)
        for distances in _distances(fake[rows], real.features):
            hits = distances < radius
            inside.append(hits.sum(dim=1))
            by_group |= hits.any(dim=0)
        covered.append(by_group)
    per_sample = torch.cat(inside).double() / NEIGHBOURS
    times = torch.stack(covered).int().sum(0)
    without = [(times > by_group.int()).double().mean().item() for by_group in covered]
    return (
        per_sample.mean().item(),
        (times > 0).double().mean().item(),
        of_mean(per_sample),
        jackknife(without),
    )


def radii(real: Tensor, neighbours: int) -> Tensor:
    """Distance of each row of `real [N, D]` to its k-th nearest other row: `[N]`."""
    # The nearest row is the row itself.
    k = min(neighbours + 1, len(real))
    return torch.cat([distances.topk(k, largest=False).values[:, -1] for distances in _distances(real, real)])


def _distances(a: Tensor, b: Tensor) -> Iterator[Tensor]:
    for part in a.split(max(1, MAX_DISTANCES // len(b))):
        yield torch.cdist(part, b)
