"""The classes of samples that are scored: drawn at random, as frequent as in the real data."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import ganzoo
from ganzoo.data.dataset import Dataset
from ganzoo.data.images import digits
from ganzoo.evaluation.features.extraction import Features
from ganzoo.evaluation.metrics.kernel_distances import of_samples
from ganzoo.recipes import Data, DataSpec, RunOptions
from ganzoo.runs.reference import Reference, labels_like
from ganzoo.runs.sampling import random_labels


def test_labels_are_as_frequent_as_the_real_ones_and_not_in_turn() -> None:
    real = torch.tensor([0] * 10 + [1] * 60 + [2] * 30)
    drawn = random_labels(20_000, 3, 5, real)
    assert (torch.bincount(drawn) / 20_000).tolist() == pytest.approx([0.1, 0.6, 0.3], abs=0.015)
    assert (torch.bincount(random_labels(20_000, 3, 5)) / 20_000).tolist() == pytest.approx([1 / 3] * 3, abs=0.015)


def test_label_k_of_a_seed_does_not_depend_on_the_number_of_samples() -> None:
    many = random_labels(1000, 10, 3)
    for n in (1, 10, 256, 257, 999):
        assert torch.equal(random_labels(n, 10, 3), many[:n])
    assert not torch.equal(random_labels(1000, 10, 4), many)


def test_scores_of_a_conditional_run_say_how_its_classes_were_chosen(conditional_run: Path) -> None:
    run = ganzoo.load(conditional_run)
    scores = ganzoo.evaluate(run, n=200, metrics="accuracy").scores
    assert scores[0].protocol["sample_labels"] == "at random, as frequent as in training"
    # An unconditional generator chooses its classes itself, as often as it has learnt, and is compared with this one.
    own = dict(scores[0].protocol)
    unconditional = {name: value for name, value in own.items() if name != "sample_labels"}
    uniform = own | {"sample_labels": "at random, all equally frequent"}
    keys = [dataclasses.replace(scores[0], protocol=protocol).key for protocol in (own, unconditional, uniform)]
    assert keys[0] == keys[1] != keys[2]


def test_the_digits_are_split_at_random_and_not_within_each_class() -> None:
    splits = {name: digits.load(Data(), Path(), name) for name in ("train", "test")}
    assert [splits[name].count for name in ("train", "test")] == [1438, 359]
    counts = {name: torch.bincount(torch.as_tensor(part.arrays["y"])) for name, part in splits.items()}
    fractions = counts["test"] / (counts["test"] + counts["train"])
    # A fraction of 0.2 in each class, give or take 0.03, as for 180 random draws.
    assert 0.015 < float(fractions.std()) < 0.05
    rows = np.concatenate([np.asarray(part.arrays["x"]).reshape(part.count, -1) for part in splits.values()])
    assert len(np.unique(rows, axis=0)) > 1790


def test_a_stratified_test_split_would_bias_the_kernel_distance_of_real_data() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = 3 * torch.randn(10, 4, generator=generator, dtype=torch.float64)
    y = torch.arange(2000) % 10
    stratified, at_random = [], []
    for seed in range(30):
        x = centres[y] + 0.1 * torch.randn(2000, 4, generator=generator, dtype=torch.float64)
        order = torch.randperm(2000, generator=torch.Generator().manual_seed(seed))
        at_random.append(of_samples(x[order[:400]], Features(x[order[400:]], None))[0])
        stratified.append(of_samples(x[:400], Features(x[400:], None))[0])
    error = np.std(at_random, ddof=1) / np.sqrt(30)
    assert abs(np.mean(at_random)) < 3 * error
    assert np.mean(stratified) < -5 * error


def test_labels_are_uniform_where_the_real_ones_are_not_the_games_classes() -> None:
    train = digits.load(Data(), Path(), "train")
    found = labels_like(train, 10)
    assert found is not None
    assert found.tolist() == torch.as_tensor(train.arrays["y"]).tolist()
    assert labels_like(train, 5) is None
    assert labels_like(digits.load(Data(labels=False), Path(), "train"), 10) is None


def reference(train: int, test: int, modality: str = "image") -> Reference:
    shape = (1, 4, 4) if modality == "image" else (2,)

    def part(count: int) -> Dataset:
        x = torch.zeros(count, *shape, dtype=torch.uint8 if modality == "image" else torch.float32)
        return Dataset({"x": x}, DataSpec("own", modality, shape))

    found = Reference(Data(name="own"), RunOptions(), part(train))
    found.load = {"train": part(train), "test": part(test)}.__getitem__  # type: ignore[method-assign]
    return found


@pytest.mark.parametrize(
    ("modality", "train", "test", "n"),
    [
        ("image", 60_000, 10_000, 10_000),
        ("image", 60_000, 2_000, 2_000),
        ("image", 1_438, 359, 359),
        # So few say too little: real data have no score then.
        ("image", 1_438, 100, 1_438),
        # Points are compared with held-out points, and the training points are scored as real data.
        ("points", 65_536, 10_000, 10_000),
        ("points", 3_000, 500, 3_000),
    ],
)
def test_as_many_samples_are_drawn_as_real_ones_can_be_scored(modality: str, train: int, test: int, n: int) -> None:
    assert reference(train, test, modality).default_samples() == n


def test_during_training_the_number_of_samples_is_not_limited_by_the_held_out_ones() -> None:
    assert reference(1_438, 359).default_samples(with_real=False) == 1_438
