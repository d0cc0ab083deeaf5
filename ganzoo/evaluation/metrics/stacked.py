"""Scores of Stacked MNIST: how many of its 1,000 modes the samples cover, and how evenly."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.data.images.stacked_mnist import MODES, NAME, SCORED, stack_class
from ganzoo.data.samples import Measured, Samples, subset
from ganzoo.evaluation.features.digits import Digits, digit_domain
from ganzoo.evaluation.features.extraction import fake_features
from ganzoo.evaluation.standard_errors import jackknife, without_each


def modes(samples: Samples) -> Measured:
    """Modes covered, 0 to 1,000, and KL, 0 to ln 1,000 = 6.9 nats. Empty for any other data set.

    An MNIST classifier predicts the digit in each channel of 26,000 samples; one sample covers a mode. KL is
    KL(samples || uniform) over the modes (as in Metz et al. 2017, section 3.3.1,
    https://arxiv.org/abs/1611.02163, and Lin et al. 2018, PacGAN, https://arxiv.org/abs/1712.04086). For real stacks it
    is not 0: MNIST's digits are not equally frequent, and n samples add about 999 / (2 n).
    """
    if samples.data.name != NAME:
        return Measured({})
    domain = digit_domain(samples)
    found = fake_features(samples, Digits(domain)).features.long()
    digits = found[subset(len(found), SCORED)]
    stacks = stack_class(digits)
    counts = torch.bincount(stacks, minlength=MODES)
    values = {"modes": float((counts > 0).sum()), "KL": divergence_from_uniform(counts)}
    named = {f"{name}{domain.suffix}": value for name, value in values.items()}

    def errors() -> dict[str, float]:
        without = [torch.bincount(stacks[rows], minlength=MODES) for rows in without_each(len(stacks))]
        covered = jackknife([float((counts > 0).sum()) for counts in without])
        return dict(zip(named, (covered, jackknife([divergence_from_uniform(c) for c in without])), strict=True))

    return Measured(named, errors, n_fake=len(digits), of=MODES, features=domain.describe(), resize=domain.resize)


def divergence_from_uniform(counts: Tensor) -> float:
    """KL(p || u) in nats, where p are the relative frequencies of `counts` (integers `[K]`) and u is uniform over K."""
    p = counts.double() / counts.sum()
    return float(torch.special.xlogy(p, p * len(p)).sum())
