"""Samples of a generator to be scored, together with the real data that they imitate."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.memo import Memo
from ganzoo.data.modality import Modality
from ganzoo.errors import GanzooError
from ganzoo.machine.rank_group import SINGLE_PROCESS, RankGroup
from ganzoo.recipes import Data, DataSpec

MINIMUM = 10
"""Minimum number of samples for a meaningful score."""

SUBSET_SEED = 2020
"""Subsets of real samples are drawn with this seed, so that all runs are compared with the same samples."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples to score, and access to the real data.

    fake: uint8 `[N, C, H, W]` for images, float32 `[N, D]` for points.
    labels: the requested classes, int64 `[N]`; None for unconditional samples.
    spec, data: shape and preparation of the real data; root: where they are stored.
    seed: the seed that the samples were drawn with.
    load: reads a split of the real data, "train" or "test", prepared in the same way; GanzooError if there is none.
    modality: how this kind of data is scored (`registry.modality(spec.modality)`).
    features: the feature space in which images are compared, one of `spaces.names()`, or "auto": domain features if the
    data have labels, else Inception's. weights: the file of its weights, for the spaces that take one.
    generator: the game that drew the samples, for scores of the generator itself; None if there is none. averaged:
    whether they are of its averaged weights, as `GAN.for_sampling` takes it.
    skipped: number of samples that could not be read. notes: lines on how the samples were read.
    split: for real samples in place of generated ones, the split that they are from.
    against: the split that they are compared with, "train" or "test"; by default the modality chooses it.
    targets: the real samples that belong to the inputs of a game that has some, row by row, in the form of `fake`.
    given: these inputs by name, row by row, in their range, and what the data hold besides of the same rows (labels).
    device: where features are computed; by default the device of the samples.
    group: the ranks that extract the features of these samples, see `shared_by`; by default only this process.
    memo: cache of values computed from these samples, such as their features.

    Samples made from these by `dataclasses.replace` start with an empty memo and without other ranks.

    Raises GanzooError for fewer than 10 samples, and ValueError for samples of another shape than `spec`'s.
    """

    fake: Tensor
    labels: Tensor | None
    spec: DataSpec
    data: Data
    root: Path
    seed: int
    load: Callable[[str], Dataset]
    modality: Modality
    features: str = "auto"
    weights: Path | None = None
    generator: object | None = None
    averaged: bool = True
    split: str | None = None
    against: str = ""
    targets: Tensor | None = None
    given: Mapping[str, Tensor] | None = None
    skipped: int = 0
    notes: tuple[str, ...] = ()
    device: torch.device | None = None
    group: RankGroup = field(default=SINGLE_PROCESS, init=False, repr=False)
    memo: Memo = field(default_factory=Memo, init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.fake) < MINIMUM:
            raise GanzooError(f"{len(self.fake)} samples are too few to score: draw at least {MINIMUM}.")
        if tuple(self.fake.shape[1:]) != self.spec.shape:
            raise ValueError(f"samples of shape {tuple(self.fake.shape[1:])}, data of shape {self.spec.shape}")
        self.modality.check_scored(self.fake)
        if self.labels is not None and self.labels.shape != self.fake.shape[:1]:
            raise ValueError(f"labels of shape {tuple(self.labels.shape)} for {len(self.fake)} samples")

    def real(self, split: str) -> Dataset:
        """The split "train" or "test" of the real data, read on first use. Raises what `load` raises."""
        return self.memo.once(("real", split), lambda: self.load(split))

    @property
    def reference(self) -> str:
        """The split that samples are compared with, "train" or "test"."""
        return self.against or self.modality.reference_split(self.real)

    def compared_with(self, split: str) -> Samples:
        """These samples, compared with another split of the real data."""
        if split == self.reference:
            return self
        made = dataclasses.replace(self, load=self.real, against=split)
        made.shared_by(self.group)
        return made

    def shared_by(self, group: RankGroup) -> None:
        """Distribute feature extraction over the ranks of `group` from now on; all of them must have these samples."""
        # Not an argument of __init__, as `replace` would pass it on to samples that the other ranks do not have.
        object.__setattr__(self, "group", group)

    def real_baseline(self) -> Samples:
        """As many real samples of the other split, to be scored like the fake ones.

        Their scores are those that a perfect generator would reach. They have the same `group`. Raises what `load`
        raises, and GanzooError if there are fewer: the scores of different numbers of samples cannot be compared.
        """
        split = "train" if self.reference == "test" else "test"
        dataset, n = self.real(split), len(self.fake)
        if dataset.count < n:
            real = "are held out" if split == "test" else "are in the training data"
            raise GanzooError(
                f"{n:,} samples are scored, and only {dataset.count:,} real ones {real}; scores of different numbers "
                f"are not comparable: for scores of real data too, use -n {dataset.count}."
            )
        batch = dataset.batch(subset(dataset.count, n))
        x = self.modality.scored(batch["x"])
        labels = batch.get("y") if self.labels is not None else None
        made = dataclasses.replace(
            self, fake=x, labels=labels, load=self.real, generator=None, targets=None, given=None, split=split
        )
        # Every rank that has the samples selects the same real ones.
        made.shared_by(self.group)
        return made


class Measured(dict[str, float]):
    """The values of a metric by name, and its protocol.

    protocol: everything that affects the values: number of real samples, splits, neighbours. It becomes part of each
    Score's protocol. A metric with nothing to add may return a plain dict.
    standard_errors: a function that returns the standard errors of the values, by name, that is called only where they
    are wanted; None if the metric has none.
    notes: lines on how far the values can be trusted, which become notes of the scores.
    of_real: what real samples reach, by name, if the metric itself says so, as one that needs something of a game may.
    """

    def __init__(
        self,
        values: Mapping[str, float],
        standard_errors: Callable[[], Mapping[str, float]] | None = None,
        notes: Sequence[str] = (),
        of_real: Mapping[str, float] | None = None,
        **protocol: Any,
    ) -> None:
        super().__init__(values)
        self.of_real = dict(of_real or {})
        self.notes = tuple(notes)
        self.standard_errors = standard_errors
        self.protocol = protocol


def subset(count: int, n: int) -> Tensor:
    """Sorted indices of `n` of `count` real samples (all of them if there are fewer), int64; always the same."""
    if n >= count:
        return torch.arange(count)
    generator = torch.Generator().manual_seed(SUBSET_SEED)
    return torch.randperm(count, generator=generator)[:n].sort().values
