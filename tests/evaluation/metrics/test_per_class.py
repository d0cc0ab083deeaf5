"""Frechet distances within classes, for class-conditional samples."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from kinds import IMAGES
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.images import digits
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation.features.extraction import Features, fake_features
from ganzoo.evaluation.features.spaces import find_space
from ganzoo.evaluation.metrics import fidelity, images, per_class
from ganzoo.recipes import Data
from ganzoo.runs.sampling import random_labels


def load(split: str) -> Dataset:
    return digits.load(Data(), Path(), split)


def samples_of(rows: Tensor, labels: Tensor | None = None) -> Samples:
    train = load("train")
    x, y = (torch.as_tensor(train.arrays[name])[rows] for name in "xy")
    given = y.long() if labels is None else labels
    return Samples(x, given, train.spec, Data(name="digits"), Path(), 0, load, IMAGES)


def test_training_images_are_at_no_distance_within_their_classes() -> None:
    measured = per_class.intra_class_distance(samples_of(torch.arange(1438)))
    assert abs(measured["intra-FD[domain:digits]"]) < 1e-6
    assert measured.protocol["n_real"] == 1438
    assert measured.protocol["fewest_per_class"]["fake"] > 64


def test_images_of_the_wrong_classes_are_far_though_their_mixture_is_right() -> None:
    rows = torch.arange(1438)
    y = torch.as_tensor(load("train").arrays["y"]).long()
    wrong = samples_of(rows, (y + 1) % 10)
    assert abs(images.frechet_distance(wrong)["FD[domain:digits]"]) < 1e-3
    assert per_class.intra_class_distance(wrong)["intra-FD[domain:digits]"] > 20


def test_the_mean_is_over_classes_of_the_frechet_distance_within_each() -> None:
    samples = samples_of(torch.arange(1438))
    space = find_space(samples)
    found = fake_features(samples, space)
    labels = samples.labels
    assert labels is not None
    noisy = Features(found.features + torch.arange(1438)[:, None] % 7, None)
    expected = [fidelity.frechet_distance(noisy.features[labels == c], found.features[labels == c]) for c in range(10)]
    value = per_class.mean_distance(noisy, labels, found, labels, 10)
    assert value == pytest.approx(sum(expected) / 10)
    assert value > 1


def test_too_few_samples_in_a_class_are_refused_with_the_number_that_is_enough() -> None:
    few = samples_of(torch.arange(300))
    with pytest.raises(GanzooError, match=r"which take 65: add samples of that class\."):
        per_class.intra_class_distance(few)
    drawn = dataclasses.replace(few, generator=object())
    with pytest.raises(GanzooError, match=r"which take 65: use -n \d+\.$") as refused:
        per_class.intra_class_distance(drawn)
    # With that many, every class has enough, for nearly every seed.
    n = int(str(refused.value).rpartition(" ")[2].rstrip("."))
    real = torch.as_tensor(load("train").arrays["y"])
    fewest = [int(torch.bincount(random_labels(n, 10, seed, real), minlength=10).min()) for seed in range(100)]
    assert sum(count >= 65 for count in fewest) >= 99
    assert n < 2000
    # A real baseline may be too small, which is not the user's mistake.
    assert per_class.intra_class_distance(samples_of(torch.arange(359)).real_baseline()) == {}


def test_unconditional_samples_have_no_distance_within_classes() -> None:
    train = load("train")
    x = torch.as_tensor(train.arrays["x"])
    assert (
        per_class.intra_class_distance(Samples(x, None, train.spec, Data(name="digits"), Path(), 0, load, IMAGES)) == {}
    )
