"""The score of Stacked MNIST: which of its 1,000 modes the samples cover, and how evenly."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.stacked_mnist import MODES, NAME, load_digits, stack_class
from ganzoo.evaluation.domain import Domain, find_domain
from ganzoo.evaluation.features import Features, fake_features
from ganzoo.evaluation.samples import USUAL, Measured, Samples, subset


def modes(samples: Samples) -> Measured:
    """Modes covered, 0 to 1,000, and KL, 0 to ln 1,000 = 6.9 nats. Empty for any other data set.

    A classifier of MNIST reads the digit in each channel of 26,000 samples; one sample covers a mode. KL is
    KL(samples || uniform) of the distribution over the modes (as in Metz et al. 2017, section 3.3.1,
    https://arxiv.org/abs/1611.02163, and Lin et al. 2018, PacGAN, https://arxiv.org/abs/1712.04086). For real stacks it
    is not 0: MNIST's digits are not equally frequent, and n samples add about 999 / (2 n).
    """
    if samples.data.name != NAME:
        return Measured({})
    domain = digit_domain(samples)
    found = fake_features(samples, Digits(domain)).features.long()
    digits = found[subset(len(found), USUAL[NAME])]
    counts = torch.bincount(stack_class(digits), minlength=MODES)
    values = {"modes": float((counts > 0).sum()), "KL": divergence_from_uniform(counts)}
    named = {f"{name}{domain.suffix}": value for name, value in values.items()}
    return Measured(named, n_fake=len(digits), of=MODES, features=domain.describe(), resize=domain.resize)


@dataclass(frozen=True, eq=False)
class Digits:
    """The digits that a classifier of MNIST reads in the channels, as a feature space: uint8 `[N, C]`."""

    domain: Domain
    suffix = ""
    most_real = USUAL[NAME]

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

    def sent(self) -> dict[str, Any]:
        return {"digits by": self.domain.sent()}

    def describe(self) -> dict[str, Any]:
        return self.domain.describe()


def digit_domain(samples: Samples) -> Domain:
    """The domain features of MNIST, its digits of the size of the samples. Raises what reading MNIST raises."""
    splits: dict[str, Dataset] = {}

    def load(split: str) -> Dataset:
        if split not in splits:
            splits[split] = load_digits(samples.data, samples.root, split)
        return splits[split]

    train = load("train")
    data = dataclasses.replace(samples.data, name=train.spec.name, channels=None, flip=False, labels=True)
    red = samples.fake[:, :1]
    return find_domain(Samples(red, None, train.spec, data, samples.root, samples.seed, load))


def read_digits(domain: Domain, images: Tensor) -> Tensor:
    """The digit in each channel of images uint8 `[N, C, H, W]`: int64 `[N, C]`, on the CPU."""
    logits = domain.extract(images.reshape(-1, 1, *images.shape[2:])).logits
    if logits is None:
        raise ValueError(f"{domain.name} tells no classes apart")
    return logits.argmax(dim=1).view(images.shape[:2])


def divergence_from_uniform(counts: Tensor) -> float:
    """KL(p || u) in nats: p the distribution that `counts`, integers `[K]`, show, and u the uniform one over the K."""
    p = counts.double() / counts.sum()
    return float(torch.special.xlogy(p, p * len(p)).sum())
