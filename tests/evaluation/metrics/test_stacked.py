"""Scores of Stacked MNIST, on samples with known modes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from kinds import IMAGES, POINTS
from stacks import digits, write_mnist
from torch import Tensor

from ganzoo.api.train import train
from ganzoo.builtins.metrics import METRICS
from ganzoo.data.dataset import Dataset, to_uint8
from ganzoo.data.images.stacked_mnist import load_digits, stack_class
from ganzoo.data.resize import to_size
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation.features import classifier
from ganzoo.evaluation.features import digits as digit_space
from ganzoo.evaluation.features.digits import digit_domain, read_digits
from ganzoo.evaluation.features.domain import Domain
from ganzoo.evaluation.metrics import stacked
from ganzoo.evaluation.metrics.stacked import beyond_misreading, divergence_from_uniform, modes
from ganzoo.evaluation.scoring import score
from ganzoo.recipes import Data, RunOptions
from ganzoo.runs.reference import Reference
from ganzoo.zoo import registry

DATA = Data(name="stacked-mnist", size=8)
"""Small, because a classifier is trained on it."""

EVERY = torch.cartesian_prod(*[torch.arange(10)] * 3)
LN_1000 = math.log(1000)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        # These digits are easy to classify.
        patch.setattr(classifier, "MIN_STEPS", 40)
        yield write_mnist(tmp_path_factory.mktemp("data"))


def load(root: Path, split: str, data: Data = DATA) -> Dataset:
    return registry.datasets().find(data.name).load(data, root, split)


def samples_of(root: Path, spelt: Tensor) -> Samples:
    """Samples that show the digits `spelt [N, 3]`, one per channel."""
    images = torch.from_numpy(digits(spelt.flatten().numpy())).view(*spelt.shape, 28, 28)
    return samples_from(root, to_size(images, 8))


def samples_from(root: Path, fake: Tensor, data: Data = DATA) -> Samples:
    splits = {split: load(root, split, data) for split in ("train", "test")}
    return Samples(fake, None, splits["train"].spec, data, root, 0, splits.__getitem__, IMAGES)


def test_the_divergence_is_that_of_the_formula() -> None:
    one = torch.zeros(1000, dtype=torch.int64)
    one[417] = 26_000
    assert divergence_from_uniform(one) == pytest.approx(LN_1000, abs=1e-12)
    assert divergence_from_uniform(torch.full((1000,), 26)) == pytest.approx(0, abs=1e-12)
    half = torch.tensor([3] * 500 + [0] * 500)
    assert divergence_from_uniform(half) == pytest.approx(math.log(2), abs=1e-12)
    uneven = torch.tensor([3, 1])
    assert divergence_from_uniform(uneven) == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5), abs=1e-12)


def test_the_divergence_of_even_samples_is_what_the_docs_say(root: Path) -> None:
    counts = torch.bincount(torch.from_numpy(np.random.RandomState(0).randint(1000, size=26_000)), minlength=1000)
    assert divergence_from_uniform(counts) == pytest.approx(999 / 52_000, rel=0.15)


def test_digits_are_read_channel_by_channel(root: Path) -> None:
    samples = samples_of(root, EVERY)
    assert read_digits(digit_domain(samples), samples.fake).equal(EVERY)


@pytest.mark.parametrize(
    ("spelt", "covered", "divergence"),
    [
        (EVERY, 1000, 0.0),
        (torch.tensor([[4, 1, 7]]).repeat(50, 1), 1, LN_1000),
        (torch.arange(10)[:, None].repeat(3, 3), 10, math.log(100)),
        (EVERY[EVERY[:, 0] == 3], 100, math.log(10)),
    ],
    ids=["all", "one", "grey", "red is 3"],
)
def test_modes_are_counted_and_their_divergence_is_exact(
    spelt: Tensor, covered: int, divergence: float, root: Path
) -> None:
    measured = modes(samples_of(root, spelt))
    assert list(measured) == ["modes[domain:mnist]", "certain-modes[domain:mnist]", "KL[domain:mnist]"]
    # These digits are never misread, so every mode that is counted is certain.
    assert measured["modes[domain:mnist]"] == measured["certain-modes[domain:mnist]"] == covered
    assert measured.protocol["digit_error"] == 0
    assert measured.notes == ()
    assert measured["KL[domain:mnist]"] == pytest.approx(divergence, abs=1e-9)
    assert measured.protocol["n_fake"] == len(spelt)
    assert measured.protocol["of"] == 1000
    assert measured.protocol["features"]["accuracy"] == 1.0


def test_the_score_of_real_test_stacks_is_reported_too(root: Path) -> None:
    result = score(samples_of(root, EVERY), METRICS, ["stacked"])
    assert result.notes == []
    covered, certain, divergence = result.scores
    assert (certain.value, certain.real) == (covered.value, covered.real)
    assert (covered.name, covered.value, covered.better) == ("modes[domain:mnist]", 1000, "higher")
    assert (divergence.name, divergence.better) == ("KL[domain:mnist]", "lower")
    labels = torch.as_tensor(load(root, "test").arrays["y"])
    rows = stacked.subset(26_000, 1000)
    counts = torch.bincount(labels[rows], minlength=1000)
    assert covered.real == int((counts > 0).sum())
    assert divergence.real == pytest.approx(divergence_from_uniform(counts), abs=1e-9)


def test_real_stacks_are_read_once_for_all_scorings(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = score(samples_of(root, EVERY), METRICS, ["stacked"])
    read: list[int] = []

    def counted(domain: object, images: Tensor) -> Tensor:
        read.append(len(images))
        return read_digits(domain, images)  # type: ignore[arg-type]

    monkeypatch.setattr(digit_space, "read_digits", counted)
    second = score(samples_of(root, EVERY), METRICS, ["stacked"])
    assert sum(read) == 1000
    assert second.to_json() == first.to_json()


def test_modes_that_misread_digits_explain_are_not_certain() -> None:
    # A 7 is read as a 1 in one of ten cases, everything else is right; all stacks are of three 7s.
    confusion = torch.eye(10, dtype=torch.float64)
    confusion[7, 7], confusion[7, 1] = 0.9, 0.1
    counts = torch.zeros(10, 10, 10, dtype=torch.int64)
    counts[7, 7, 7], counts[1, 7, 7], counts[7, 1, 7], counts[7, 7, 1] = 729, 81, 81, 81
    counts[1, 1, 7], counts[1, 7, 1], counts[7, 1, 1], counts[1, 1, 1] = 9, 9, 9, 1
    assert beyond_misreading(counts.flatten(), confusion).nonzero().flatten().tolist() == [777]
    # A mode that misread digits do not explain is certain, even with few samples; and so is one of very many.
    counts[3, 3, 3], counts[1, 7, 7] = 1, 500
    assert beyond_misreading(counts.flatten(), confusion).nonzero().flatten().tolist() == [177, 333, 777]


@pytest.mark.slow
def test_stacks_of_real_digits_of_125_modes_are_not_taken_for_more(shared_data_root: Path) -> None:
    mnist = registry.datasets().find("mnist").load(Data(name="mnist"), shared_data_root, "test")
    x, y = torch.as_tensor(mnist.arrays["x"]), torch.as_tensor(mnist.arrays["y"])
    rows = (y < 5).nonzero()[:, 0]
    chosen = rows[torch.randint(len(rows), (10_000, 3), generator=torch.Generator().manual_seed(0))]
    fake = torch.stack([x[chosen[:, channel], 0] for channel in range(3)], 1)
    measured = modes(samples_from(shared_data_root, fake, Data(name="stacked-mnist")))
    assert measured["modes[domain:mnist]"] > 200
    assert measured["certain-modes[domain:mnist]"] == pytest.approx(125, abs=15)
    assert "certain-modes leaves these out" in measured.notes[0]


def test_the_order_and_number_of_more_samples_do_not_matter(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacked, "SCORED", 500)
    measured = modes(samples_of(root, EVERY))
    assert measured.protocol["n_fake"] == 500
    assert measured["modes[domain:mnist]"] == 500
    monkeypatch.undo()
    shuffled = EVERY[torch.randperm(1000, generator=torch.Generator().manual_seed(0))]
    assert modes(samples_of(root, shuffled)) == modes(samples_of(root, EVERY))


def test_the_usual_number_of_samples_is_drawn(root: Path) -> None:
    reference = Reference(DATA, RunOptions(data_root=str(root)))
    assert reference.default_samples() == 26_000


def test_it_does_not_apply_to_other_data() -> None:
    data = Data(name="points")
    train = load(Path(), "train", data)
    assert modes(Samples(torch.zeros(20, 2), None, train.spec, data, Path(), 0, lambda split: train, POINTS)) == {}


def test_missing_digits_yield_a_note(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = samples_of(root, EVERY)

    def gone(*args: object) -> Dataset:
        raise GanzooError("mnist was not found.")

    monkeypatch.setattr(digit_space, "load_digits", gone)
    result = score(samples, METRICS, ["stacked"])
    assert result.scores == []
    assert result.notes == ["mnist was not found."]


def test_a_run_on_stacks_can_be_scored(root: Path, tmp_path: Path) -> None:
    keys = {"data.size": "8", "width": "4", "d_width": "4", "batch": "8"}
    run = train(
        "dcgan",
        dataset="stacked-mnist",
        steps=2,
        set=keys,
        out=str(tmp_path / "run"),
        data_root=str(root),
        progress=False,
        device="cpu",
        scores=False,
    )
    assert run.data.shape == (3, 8, 8)
    result = score(samples_from(root, to_uint8(run.sample(20)), run.recipe.data), METRICS, ["stacked"])
    assert 1 <= result.scores[0].value <= 20


def test_real_digits_are_read_as_labelled(shared_data_root: Path) -> None:
    data = Data(name="stacked-mnist")
    train, test = load_digits(data, shared_data_root, "train"), load(shared_data_root, "test", data)
    # Fewer steps than the metric's own classifier, which has 1,000, to save time.
    network = classifier.train_classifier(train, torch.arange(train.count), steps=60)
    domain = Domain("mnist", "", 0.0, "", "", "none", network)
    batch = test.batch(torch.arange(1000))
    spelt = stack_class(read_digits(domain, to_uint8(batch["x"])))
    assert (spelt == batch["y"]).double().mean() > 0.7
