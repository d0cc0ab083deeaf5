"""The digits that an MNIST classifier predicts for each channel, as a feature space."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.images.stacked_mnist import SCORED, load_digits
from ganzoo.data.samples import Samples
from ganzoo.evaluation.features.domain import Domain, find_domain
from ganzoo.evaluation.features.extraction import Features


@dataclass(frozen=True, eq=False)
class Digits:
    """A feature space: the digit that an MNIST classifier predicts for each channel, uint8 `[N, C]`."""

    domain: Domain
    suffix = ""
    max_real = SCORED

    @property
    def name(self) -> str:
        return f"digits by {self.domain.name}"

    @property
    def resize(self) -> str:
        return self.domain.resize

    @property
    def identity(self) -> str:
        return f"digits by {self.domain.identity}"

    def extract(self, images: Tensor) -> Features:
        return Features(read_digits(self.domain, images).to(torch.uint8), None)

    def to_dict(self) -> dict[str, Any]:
        return {"digit classifier": self.domain.to_dict()}

    def describe(self) -> dict[str, Any]:
        return self.domain.describe()


def digit_domain(samples: Samples) -> Domain:
    """The domain features of MNIST, with digits resized to the samples' size. Raises what reading MNIST raises."""
    splits: dict[str, Dataset] = {}

    def load(split: str) -> Dataset:
        if split not in splits:
            splits[split] = load_digits(samples.data, samples.root, split)
        return splits[split]

    train = load("train")
    data = dataclasses.replace(samples.data, name=train.spec.name, channels=None, flip=False, labels=True)
    red = samples.fake[:, :1]
    return find_domain(Samples(red, None, train.spec, data, samples.root, samples.seed, load, samples.modality))


def read_digits(domain: Domain, images: Tensor) -> Tensor:
    """The predicted digit in each channel of uint8 images `[N, C, H, W]`: int64 `[N, C]`, on the CPU."""
    logits = domain.extract(images.reshape(-1, 1, *images.shape[2:])).logits
    if logits is None:
        raise ValueError(f"{domain.name} has no logits")
    return logits.argmax(dim=1).view(images.shape[:2])
