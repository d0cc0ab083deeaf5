"""What is scored: samples of a generator, together with the real data that they imitate."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset, to_uint8
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data, DataSpec

MINIMUM = 10
"""Fewer samples than this have no meaningful score."""

SUBSET_SEED = 2020
"""Every choice among real samples is made with this seed, so that all runs are compared with the same ones."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples to score, and how to get at the real data.

    fake: uint8 `[N, C, H, W]` for images, float32 `[N, D]` for points.
    labels: the classes that were asked for, int64 `[N]`; None for unconditional samples.
    spec, data: what the real data look like and how they were prepared; root: where they lie.
    seed: that the samples were drawn with.
    load: reads a split of the real data, "train" or "test", prepared in the same way; GanzooError if there is none.
    features: the feature space that images are compared in, one of `spaces.names()`, or "auto": the domain's own where
    the data have labels, else Inception's. weights: the file of its weights, for the spaces that take one.
    generator: the game that drew the samples, for scores of the generator itself; None where there is none.
    split: of real samples in the place of a generator's, the split that they are from.
    device: where features are computed; by default where the samples are.

    Raises GanzooError for fewer than 10 samples, and ValueError for samples that are not of `spec`'s shape.
    """

    fake: Tensor
    labels: Tensor | None
    spec: DataSpec
    data: Data
    root: Path
    seed: int
    load: Callable[[str], Dataset]
    features: str = "auto"
    weights: Path | None = None
    generator: object | None = None
    split: str | None = None
    device: torch.device | None = None
    _splits: dict[str, Dataset] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.fake) < MINIMUM:
            raise GanzooError(f"{len(self.fake)} samples are too few to score: draw at least {MINIMUM}.")
        if tuple(self.fake.shape[1:]) != self.spec.shape:
            raise ValueError(f"samples of shape {tuple(self.fake.shape[1:])}, data of shape {self.spec.shape}")
        if self.spec.modality == "image" and self.fake.dtype != torch.uint8:
            raise ValueError(f"images to score must be uint8, not {self.fake.dtype}: see to_uint8")
        if self.labels is not None and self.labels.shape != self.fake.shape[:1]:
            raise ValueError(f"labels of shape {tuple(self.labels.shape)} for {len(self.fake)} samples")

    def real(self, split: str) -> Dataset:
        """The split "train" or "test" of the real data, read when it is first asked for. Raises what `load` raises."""
        if split not in self._splits:
            self._splits[split] = self.load(split)
        return self._splits[split]

    @property
    def reference(self) -> str:
        """The split that samples are compared with.

        Images are compared with "train", the literature's custom, which lets the test images show what a perfect
        generator would get. Points are compared with "test": nothing is trained on labels there, and held-out points
        reward no memorising. Where there are none, with "train".
        """
        if self.spec.modality != "points":
            return "train"
        try:
            self.real("test")
        except GanzooError:
            return "train"
        return "test"

    def stand_in(self) -> Samples:
        """Real samples in the place of the fake ones: as many, or all there are, of the other split.

        What they score is what a perfect generator would. Raises what `load` raises.
        """
        split = "train" if self.reference == "test" else "test"
        dataset = self.real(split)
        batch = dataset.batch(subset(dataset.count, len(self.fake)))
        x = to_uint8(batch["x"]) if self.spec.modality == "image" else batch["x"]
        labels = batch.get("y") if self.labels is not None else None
        return dataclasses.replace(self, fake=x, labels=labels, load=self.real, generator=None, split=split)


class Measured(dict[str, float]):
    """What a metric measured, by name, and how.

    protocol: whatever changes the value: numbers of real samples, splits, neighbours. It becomes part of each Score's
    protocol. A metric with nothing to add may return a plain dict.
    """

    def __init__(self, values: Mapping[str, float], **protocol: Any) -> None:
        super().__init__(values)
        self.protocol = protocol


def subset(count: int, n: int) -> Tensor:
    """Sorted indices of `n` of `count` real samples (all of them if there are fewer), int64: always the same ones."""
    if n >= count:
        return torch.arange(count)
    generator = torch.Generator().manual_seed(SUBSET_SEED)
    return torch.randperm(count, generator=generator)[:n].sort().values


USUAL = {"stacked-mnist": 26_000}
"""Data sets whose literature has agreed on a number of samples: 26 for each of 1,000 modes."""


def default_samples(spec: DataSpec, train_count: int, test_count: int) -> int:
    """How many samples to draw for a score: the usual number, else 10,000, or fewer where the data set is small.

    Then as many as there are training samples, but not under 1,000: fewer test samples than that would make FD, whose
    bias grows as samples get fewer (Binkowski et al. 2018, section 4), the larger for a generator than it needs to be.
    """
    if spec.name in USUAL:
        return USUAL[spec.name]
    if spec.modality != "image":
        return 10_000
    return min(10_000, max(1_000, train_count, test_count))
