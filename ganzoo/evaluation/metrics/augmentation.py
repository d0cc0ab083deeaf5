"""Whether samples of labelled images help a classifier: trained on real ones, on samples, and on both."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ganzoo.data.dataset import Dataset, as_input, to_uint8
from ganzoo.data.samples import Measured, Samples, subset
from ganzoo.errors import GanzooError
from ganzoo.evaluation import standard_errors
from ganzoo.evaluation.features import classifier as small
from ganzoo.evaluation.features.domain import labels_hint
from ganzoo.evaluation.features.names import has_labels
from ganzoo.machine.seeds import mixed_seed
from ganzoo.machine.tf32 import full_precision

MOST_TRAINED, MOST_TESTED = 5_000, 10_000
"""Real images that a classifier is trained on, and tested on, at most."""

STEPS = 400
"""Batches of 128 that each classifier is trained on, whatever it is trained on: ten passes over 5,000 images."""

CHUNK = 250


def augmentation(samples: Samples) -> Measured:
    """Accuracy on held-out images of a classifier that was trained on samples, and on these and the training images.

    `TSTR-accuracy`: train on synthetic, test on real (the classification accuracy score of Ravuri & Vinyals 2019,
    https://arxiv.org/abs/1905.10887, with a small classifier). `augmented-accuracy`: trained on both. What real data
    reach is the accuracy after training on the training images alone, for both.

    One sample is drawn for each training image, of its class; of more than 5,000 images a fixed subset is used. The
    classifier is that of domain features. All three are trained for the same number of steps, from the same weights:
    about a minute on one core in all. Raises GanzooError for data without labels or a held-out split, for a game with
    other classes than the data, and for one that makes samples from inputs.
    """
    train, test = samples.real("train"), _held_out(samples)
    gan: Any = samples.generator
    _check(samples, train, test, gan)
    rows, held_out = subset(train.count, MOST_TRAINED), subset(test.count, MOST_TESTED)
    labels = torch.as_tensor(train.arrays["y"]).cpu().long()[rows]
    real = torch.cat([_shrunk(train.batch(part)["x"].cpu()) for part in rows.split(CHUNK)])
    fake = _drawn(gan, labels, samples)

    def accuracy(x: Tensor, y: Tensor) -> float:
        trained = small.train_classifier(Dataset({"x": x, "y": y}, train.spec), torch.arange(len(x)), STEPS)
        return small.accuracy(trained, test, held_out)

    of_real = train.memo.once("augmentation", lambda: accuracy(real, labels))
    values = {
        "TSTR-accuracy": accuracy(fake, labels),
        "augmented-accuracy": accuracy(torch.cat([real, fake]), labels.repeat(2)),
    }
    return Measured(
        values,
        lambda: {name: standard_errors.of_fraction(value, len(held_out)) for name, value in values.items()},
        of_real=dict.fromkeys(values, of_real),
        n_real=len(held_out),
        split="test",
        classifier=f"domain classifier {small.VERSION}",
        trained_on={"at_most": MOST_TRAINED, "steps": STEPS},
    )


def _held_out(samples: Samples) -> Dataset:
    try:
        return samples.real("test")
    except GanzooError as error:
        raise GanzooError(f"augmentation: classifiers are tested on held-out images: {error}") from error


def _check(samples: Samples, train: Dataset, test: Dataset, gan: Any) -> None:
    """Raise GanzooError unless classifiers can be trained on the data and on samples of their classes."""
    if not has_labels(train) or "y" not in test.arrays:
        which = "held-out images" if has_labels(train) else "images"
        raise GanzooError(f"augmentation: the {which} of {train.spec.name} have no labels: {labels_hint(samples)}.")
    if gan.inputs:
        raise GanzooError(
            "augmentation: it draws samples of a class from noise, and this game makes them from inputs: leave it out."
        )
    if gan.classes != train.spec.classes:
        raise GanzooError(
            f"augmentation: the generator has {gan.classes} classes, and {train.spec.name} has {train.spec.classes}: "
            "compare with data of the same classes."
        )


def _drawn(gan: Any, labels: Tensor, samples: Samples) -> Tensor:
    """A sample of each of these classes, shrunk, on the CPU; the same ones for the seed of `samples`."""
    device = next(gan.parameters()).device
    used = [device] if device.type == "cuda" else []
    with gan.for_sampling(samples.averaged), torch.random.fork_rng(used), full_precision(device):
        torch.manual_seed(mixed_seed("augmentation", samples.seed))
        drawn = [gan.sample(len(part), part.to(device)) for part in labels.split(CHUNK)]
    return torch.cat([_shrunk(as_input(to_uint8(part).cpu())) for part in drawn])


def _shrunk(x: Tensor) -> Tensor:
    """Images in [-1, 1], averaged down to the size that the classifier looks at, so that thousands fit in memory."""
    height, width = (min(side, small.MAX_SIDE) for side in x.shape[2:])
    return x if x.shape[2:] == (height, width) else adaptive_avg_pool2d(x, (height, width))
