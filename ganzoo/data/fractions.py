"""A fraction of a data set: always the same samples of it, whatever the seed of the run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.parts import rows_of
from ganzoo.errors import GanzooError
from ganzoo.machine.seeds import mixed_seed

SEED = 0
"""Of the order in which samples are kept. No key changes it, so that all runs with a fraction see the same samples."""

FEWEST = 2


def part_of(dataset: Dataset, fraction: float) -> Dataset:
    """A data set of the samples that are kept (`rows_of_part`), with one note more; the data set itself for fraction 1.

    The arrays of a group keep their rows together. What is on disk stays there. Raises what `rows_of_part` raises.
    """
    if fraction == 1:
        return dataset
    rows = rows_of_part(dataset, fraction)
    lengths = [len(dataset.arrays[group[0]]) for group in dataset.groups]
    counts = [f"{len(kept):,} of {length:,}" for kept, length in zip(rows, lengths, strict=True)]
    return rows_of(dataset, rows, f"{' and '.join(counts)} samples are kept (data.fraction {fraction:g})")


def rows_of_part(dataset: Dataset, fraction: float) -> list[Tensor]:
    """The `kept_rows` of each group of a data set's arrays; the group that holds the class labels is kept by class.

    Raises GanzooError for a fraction that is not above 0 and at most 1, and for one that leaves fewer than two samples.
    """
    if not 0 < fraction <= 1:
        raise GanzooError(f"data.fraction must be above 0 and at most 1, not {fraction:g}.")
    y = dataset.arrays.get("y") if dataset.spec.classes else None
    labels = None if y is None else torch.as_tensor(y).cpu()
    rows = []
    for number, group in enumerate(dataset.groups):
        count = len(dataset.arrays[group[0]])
        kept = kept_rows(count, fraction, labels if "y" in group else None, number)
        if len(kept) < FEWEST:
            raise GanzooError(_too_few(dataset, fraction, count, len(kept)))
        rows.append(kept)
    return rows


def kept_rows(count: int, fraction: float, labels: Tensor | None = None, group: int = 0) -> Tensor:
    """Sorted indices of the samples that are kept of `count`, int64: `fraction` of them, rounded.

    labels: int64 `[count]`; of each class the same fraction is kept, by largest remainders, and at least one sample.
    They are the first ones in a fixed random order, so that a smaller fraction is, up to rounding, a part of a larger.
    group: number of the group of arrays; each has an order of its own.
    """
    generator = torch.Generator().manual_seed(mixed_seed("fraction", SEED, group))
    order = torch.randperm(count, generator=generator)
    share = Fraction(str(fraction))
    if labels is None:
        return order[: _rounded(share * count)].sort().values
    classes, counts = labels.unique(return_counts=True)
    quotas = quotas_of(share, counts.tolist())
    ordered = labels[order]
    parts = [order[ordered == label][:quota] for label, quota in zip(classes, quotas, strict=True)]
    return torch.cat(parts).sort().values


def quotas_of(share: Fraction, counts: Sequence[int]) -> list[int]:
    """How many samples of each class are kept: at least one, and in all `share` of them, rounded, if that suffices."""
    exact = [share * count for count in counts]
    quotas = [max(1, math.floor(one)) for one in exact]
    left = _rounded(share * sum(counts)) - sum(quotas)
    # A class that has its one sample only because every class has one comes last, as its remainder is negative.
    largest = sorted(range(len(counts)), key=lambda number: quotas[number] - exact[number])
    for number in largest[: max(0, left)]:
        quotas[number] += 1
    return quotas


def _rounded(number: Fraction) -> int:
    """The nearest whole number; of two, the larger."""
    return math.floor(number + Fraction(1, 2))


def _too_few(dataset: Dataset, fraction: float, count: int, kept: int) -> str:
    start = f"data.fraction={fraction:g} leaves {kept} of {count:,} samples of {dataset.spec.name}"
    if count < FEWEST:
        return f"{start}: leave it out."
    # Two digits, rounded up.
    digits = 1 - math.floor(math.log10(FEWEST / count))
    enough = math.ceil(FEWEST / count * 10**digits) / 10**digits
    return f"{start}: use at least {min(1.0, enough):g}."
