"""Frechet distance within each class, for conditional generators."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganzoo.data.samples import Measured, Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation import standard_errors
from ganzoo.evaluation.features.extraction import Features, reference_rows
from ganzoo.evaluation.features.pairs import FeaturePair, feature_pair
from ganzoo.evaluation.metrics import fidelity


def intra_class_distance(samples: Samples) -> Measured:
    """Mean over the classes of the Frechet distance between samples requested of a class and its training images.

    Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637, section 4.1 (intra FID). Empty for unconditional samples
    and for a real baseline with too few samples. Each class needs more samples and more training images than the
    features have dimensions, or the covariance is singular; GanzooError says how many to draw.
    """
    if samples.labels is None:
        return Measured({})
    pair, classes = feature_pair(samples), samples.spec.classes
    labels, real_labels = samples.labels.cpu(), _reference_labels(samples, pair)
    if real_labels is None:
        return Measured({})
    enough = pair.fake.features.shape[1] + 1
    drawn, real = (int(torch.bincount(y, minlength=classes).min()) for y in (labels, real_labels))
    if drawn < enough and samples.split is not None:
        return Measured({})
    if drawn < enough:
        raise GanzooError(
            f"intra: {drawn:,} samples in a class are too few for features of {enough - 1:,} dimensions, which take "
            f"{enough:,}: {_advice(samples, real_labels, enough)}."
        )
    if real < enough:
        raise GanzooError(
            f"intra: {real:,} training images in a class are too few for features of {enough - 1:,} dimensions, "
            f"which take {enough:,}."
        )
    (value,) = pair.cached("intra", lambda *_: [mean_distance(pair.fake, labels, pair.real, real_labels, classes)])

    def error() -> list[float]:
        return pair.cached(
            "intra error 2", lambda fake, real: [error_of_mean_distance(fake, labels, real, real_labels, classes)]
        )

    return pair.measured({"intra-FD": value}, error, fewest_per_class={"fake": drawn, "real": real})


def _advice(samples: Samples, real_labels: Tensor, enough: int) -> str:
    """What to do for `enough` samples in every class."""
    if samples.generator is None:
        return "add samples of that class"
    # Classes are drawn at random, as frequent as the real ones: the rarest class of n samples has n f of them, give or
    # take their root. So n f - 4 (n f)^(1/2) has to be enough.
    rarest = torch.bincount(real_labels, minlength=samples.spec.classes).double().min() / len(real_labels)
    wanted = (2 + math.sqrt(4 + enough)) ** 2 / float(rarest)
    return f"use -n {math.ceil(wanted / 100) * 100}"


def _reference_labels(samples: Samples, pair: FeaturePair) -> Tensor | None:
    """The classes of the real images in the order of their features, int64; None if the data set has no labels."""
    train = samples.real(samples.reference)
    if "y" not in train.arrays:
        return None
    return torch.as_tensor(train.arrays["y"])[reference_rows(train, pair.space)].cpu().long()


def mean_distance(fake: Features, fake_labels: Tensor, real: Features, real_labels: Tensor, classes: int) -> float:
    """The mean over classes of the Frechet distance between the features with equal labels, int64 `[N]` and `[M]`."""
    distances = [
        fidelity.frechet_distance(fake.features[fake_labels == label], real.features[real_labels == label])
        for label in range(classes)
    ]
    return sum(distances) / classes


def error_of_mean_distance(fake: Tensor, fake_labels: Tensor, real: Tensor, real_labels: Tensor, classes: int) -> float:
    """The standard error of `mean_distance` of features `[N, D]` and `[M, D]`, as the classes are independent."""
    errors = [
        standard_errors.of_frechet_distance(fake[fake_labels == label], real[real_labels == label])
        for label in range(classes)
    ]
    return math.hypot(*errors) / classes
