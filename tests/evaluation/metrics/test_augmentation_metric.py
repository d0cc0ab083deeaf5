"""Classifiers trained on samples, on real images and on both: generators of which the outcome is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from kinds import IMAGES
from torch import Tensor, nn

from ganzoo.builtins.metrics import METRICS
from ganzoo.data.dataset import Dataset, as_input
from ganzoo.data.fractions import part_of
from ganzoo.data.images import digits
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation.features import classifier
from ganzoo.evaluation.metrics import augmentation as module
from ganzoo.evaluation.metrics.augmentation import augmentation
from ganzoo.evaluation.scoring import score
from ganzoo.game import GAN, Batch
from ganzoo.recipes import Data
from ganzoo.testing import check_metric

TRAIN, TEST = (digits.load(Data(), Path(), split) for split in ("train", "test"))
IMAGES_OF, LABELS_OF = (torch.as_tensor(TRAIN.arrays[name]) for name in "xy")
SPEC = next(spec for spec in METRICS if spec.name == "augmentation")


class Game(GAN):
    """Draws images of classes by a function of the class numbers."""

    classes = 10

    def __init__(self, draw: Callable[[Tensor], Tensor], weight: float = 0.0) -> None:
        super().__init__({"g": nn.Linear(1, 1)}, ema=["g"])
        nn.init.constant_(self.players["g"].weight, weight)  # type: ignore[arg-type]
        self.draw, self.asked = draw, [torch.empty(0, dtype=torch.int64)]

    def sample(self, n: int, y: Tensor | None = None, given: Batch | None = None) -> Tensor:
        assert y is not None
        assert len(y) == n
        self.asked.append(y)
        return self.draw(y)


def from_training(y: Tensor) -> Tensor:
    """A random training image of each class: a generator that knows all of them."""
    chosen = [
        int(own[torch.randint(len(own), (1,))]) for own in (torch.eq(LABELS_OF, label).nonzero()[:, 0] for label in y)
    ]
    return as_input(IMAGES_OF[chosen])


def of_the_next_class(y: Tensor) -> Tensor:
    return from_training((y + 1) % 10)


def noise(y: Tensor) -> Tensor:
    return torch.rand(len(y), 1, 8, 8) * 2 - 1


def samples_of(gan: GAN | None, fraction: float = 0.1, **more: Any) -> Samples:
    splits = {"train": part_of(TRAIN, fraction), "test": TEST}
    given: dict[str, Any] = {"load": splits.__getitem__, "seed": 3, "generator": gan} | more
    x, y = IMAGES_OF[:100], LABELS_OF[:100].long()
    return Samples(x, y, TRAIN.spec, Data(name="digits", fraction=fraction), Path(), modality=IMAGES, **given)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few to learn anything."""
    monkeypatch.setattr(module, "STEPS", 2)


@pytest.fixture
def enough_steps(few_steps: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEPS", 80)


@pytest.mark.usefixtures("enough_steps")
def test_what_real_data_reach_is_the_accuracy_of_a_classifier_of_the_training_images() -> None:
    measured = augmentation(samples_of(Game(from_training)))
    few = part_of(TRAIN, 0.1)
    expected = classifier.accuracy(classifier.train_classifier(few, torch.arange(144), 80), TEST, torch.arange(359))
    assert measured.of_real == {"TSTR-accuracy": expected, "augmented-accuracy": expected}
    assert 0.8 < expected < 0.97


@pytest.mark.usefixtures("enough_steps")
def test_samples_of_a_generator_that_knows_more_images_help() -> None:
    # 29 images, and as many of 1,438.
    measured = augmentation(samples_of(Game(from_training), 0.02))
    assert measured["augmented-accuracy"] > measured.of_real["augmented-accuracy"] + 0.03


def test_copies_of_the_training_images_are_worth_what_these_are() -> None:
    few = part_of(TRAIN, 0.1)
    x = as_input(torch.as_tensor(few.arrays["x"]))
    at = iter(range(0, 144, module.CHUNK))

    def copies(y: Tensor) -> Tensor:
        start = next(at)
        return x[start : start + len(y)]

    measured = augmentation(samples_of(Game(copies)))
    assert measured["TSTR-accuracy"] == measured.of_real["TSTR-accuracy"]


@pytest.mark.usefixtures("enough_steps")
def test_samples_of_the_wrong_class_teach_the_wrong_class() -> None:
    measured = augmentation(samples_of(Game(of_the_next_class)))
    assert measured["TSTR-accuracy"] < 0.05
    assert measured["TSTR-accuracy"] < measured["augmented-accuracy"] < measured.of_real["augmented-accuracy"]


@pytest.mark.usefixtures("enough_steps")
def test_noise_teaches_nothing() -> None:
    assert augmentation(samples_of(Game(noise)))["TSTR-accuracy"] < 0.3


def test_a_sample_is_drawn_for_each_training_image_of_its_class() -> None:
    gan = Game(noise)
    augmentation(samples_of(gan, 0.3))
    asked = torch.cat(gan.asked)
    assert torch.equal(asked, torch.as_tensor(part_of(TRAIN, 0.3).arrays["y"]).long())
    assert max(map(len, gan.asked)) <= module.CHUNK


def test_many_training_images_are_a_fixed_subset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TRAINED", 50)
    first, second = Game(noise), Game(noise)
    for gan in (first, second):
        augmentation(samples_of(gan, 1.0))
    assert len(torch.cat(first.asked)) == 50
    assert torch.equal(torch.cat(first.asked), torch.cat(second.asked))


def test_the_same_seed_gives_the_same_values_and_no_random_state_changes() -> None:
    drawn: list[Tensor] = []
    gan = Game(lambda y: drawn.append(noise(y)) or drawn[-1])  # type: ignore[func-returns-value]
    before = torch.get_rng_state()
    first = augmentation(samples_of(gan))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert augmentation(samples_of(gan)) == first
    augmentation(samples_of(gan, seed=4))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_the_weights_that_the_samples_are_of_are_used() -> None:
    gan = Game(noise, weight=1.0)
    gan.averages["g"].weight.fill_(2.0)  # type: ignore[union-attr, operator]
    used = []
    gan.draw = lambda y: (used.append(gan.players["g"].weight.item()), noise(y))[1]  # type: ignore[union-attr, func-returns-value]
    for averaged in (True, False):
        augmentation(samples_of(gan, averaged=averaged))
    assert used == [2.0, 1.0]


def test_the_standard_error_is_that_of_a_fraction_of_the_held_out_images() -> None:
    measured = augmentation(samples_of(Game(noise)))
    assert measured.standard_errors is not None
    p = measured["TSTR-accuracy"]
    assert measured.standard_errors()["TSTR-accuracy"] == pytest.approx((p * (1 - p) / 359) ** 0.5, rel=0.02)


@pytest.mark.usefixtures("enough_steps")
def test_images_larger_than_the_classifier_looks_at_are_averaged_down() -> None:
    spec = dataclasses.replace(TRAIN.spec, shape=(1, 64, 64))
    splits = {
        name: Dataset(
            {
                "x": torch.as_tensor(split.arrays["x"]).repeat_interleave(8, 2).repeat_interleave(8, 3),
                "y": split.arrays["y"],
            },
            spec,
        )
        for name, split in (("train", part_of(TRAIN, 0.1)), ("test", TEST))
    }
    gan = Game(lambda y: from_training(y).repeat_interleave(8, 2).repeat_interleave(8, 3))
    x = torch.zeros(20, 1, 64, 64, dtype=torch.uint8)
    made = Samples(x, torch.zeros(20).long(), spec, Data(), Path(), 0, splits.__getitem__, IMAGES, generator=gan)
    measured = augmentation(made)
    assert measured["TSTR-accuracy"] > 0.5


def without(name: str, *, labels: bool = False) -> Callable[[str], Dataset]:
    """Reads the digits, without a split, or with its labels left out."""

    def load(split: str) -> Dataset:
        if split == name and labels:
            return digits.load(Data(labels=False), Path(), split)
        if split == name:
            raise GanzooError("digits has no such split.")
        return {"train": TRAIN, "test": TEST}[split]

    return load


class WithInputs(Game):
    inputs = ("source",)


class OfThree(Game):
    classes = 3


@pytest.mark.parametrize(
    ("gan", "load", "message"),
    [
        (Game(noise), without("test"), "augmentation: classifiers are tested on held-out images: digits has no such"),
        (Game(noise), without("train", labels=True), "augmentation: the images of digits have no labels: "),
        (Game(noise), without("test", labels=True), "augmentation: the held-out images of digits have no labels: "),
        (OfThree(noise), None, "augmentation: the generator has 3 classes, and digits has 10: compare with data"),
        (WithInputs(noise), None, "augmentation: it draws samples of a class from noise, and this game makes them"),
    ],
)
def test_what_cannot_be_measured_is_one_clear_reason(gan: GAN, load: Any, message: str) -> None:
    made = samples_of(gan, **({} if load is None else {"load": load}))
    found = score(made, METRICS, ["augmentation"])
    assert not found.scores
    assert found.notes[-1].startswith(message)


class Unconditional(Game):
    classes = 0


@pytest.mark.parametrize("gan", [None, Unconditional(noise)])
def test_it_scores_only_games_that_take_classes(gan: GAN | None) -> None:
    found = score(samples_of(gan), METRICS, ["augmentation"])
    assert found.notes == ["augmentation: it scores only games with class labels: leave it out."]


def test_it_is_computed_only_when_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    gan = Game(noise)
    score(samples_of(gan), [SPEC])
    assert len(gan.asked) == 1
    found = score(samples_of(gan), [SPEC], ["augmentation"])
    assert [item.name for item in found.scores] == ["TSTR-accuracy", "augmented-accuracy"]
    assert all(item.real is not None and item.error is not None for item in found.scores)
    assert {item.protocol["name"] for item in found.scores} == {"augmentation100_test"}


def test_scores_of_several_fractions_are_comparable() -> None:
    keys = {score(samples_of(Game(noise), fraction), [SPEC], ["augmentation"]).scores[0].key for fraction in (0.1, 0.5)}
    assert len(keys) == 1


def test_it_keeps_the_contract() -> None:
    check_metric(SPEC)
