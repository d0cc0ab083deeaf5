"""Stacked MNIST: which digits are stacked, and that each is held in memory once."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from stacks import COUNTS, MARK, write_mnist

from ganzoo.builtins.datasets import DATASETS
from ganzoo.data.dataset import Dataset, to_uint8
from ganzoo.data.images.stacked_mnist import Stacks
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data
from ganzoo.testing import check_dataset

FIRST = [[244, 2, 205], [12, 21, 13]]
"""The digits of the first two stacks of the stand-in."""

SPEC = next(spec for spec in DATASETS if spec.name == "stacked-mnist")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mnist(tmp_path_factory.mktemp("data"))


def load(root: Path, split: str = "train", **data: Any) -> Dataset:
    return SPEC.load(Data(name="stacked-mnist", **data), root, split)


def images(dataset: Dataset, rows: range) -> torch.Tensor:
    return to_uint8(dataset.batch(torch.tensor(rows))["x"])


def test_it_keeps_the_contract(root: Path) -> None:
    check_dataset(SPEC, root=root)


def test_the_numbers_are_those_of_the_literature(root: Path) -> None:
    train, test = load(root), load(root, "test")
    assert (len(train), len(test)) == (128_000, 26_000)
    assert (train.spec.shape, train.spec.classes) == ((3, 28, 28), 1000)


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_label_is_the_number_that_the_channels_spell_and_the_splits_share_no_digit(root: Path, split: str) -> None:
    batch = load(root, split).batch(torch.arange(500))
    pixels = to_uint8(batch["x"])
    spelt = (pixels[:, :, 0, 0] // 20).long() @ torch.tensor([100, 10, 1])
    assert batch["y"].equal(spelt)
    assert pixels[:, :, 0, 1].unique().tolist() == [MARK[split]]


def test_every_mode_occurs_about_equally_often(root: Path) -> None:
    counts = torch.bincount(torch.as_tensor(load(root).arrays["y"]), minlength=1000)
    assert counts.shape == (1000,)
    assert 128 - 6 * 128**0.5 < counts.min() <= counts.max() < 128 + 6 * 128**0.5


def test_the_digits_of_a_stack_are_drawn_independently_of_each_other(root: Path) -> None:
    stacks = load(root).arrays["x"]
    assert isinstance(stacks, Stacks)
    assert np.abs(np.corrcoef(stacks.rows.T) - np.eye(3)).max() < 0.01


def test_the_stacks_are_always_the_same(root: Path) -> None:
    x = load(root).arrays["x"]
    assert isinstance(x, Stacks)
    assert x.rows[:2].tolist() == FIRST
    assert images(load(root), range(64)).equal(images(load(root), range(64)))


def test_only_the_digits_are_held_in_memory(root: Path) -> None:
    x = load(root).arrays["x"]
    assert isinstance(x, Stacks)
    assert x.digits.shape == (COUNTS["train"], 28, 28)
    assert x[:5].shape == (5, 3, 28, 28)
    assert x.shape == (128_000, 3, 28, 28)


def test_size_resizes_and_flip_mirrors(root: Path) -> None:
    assert load(root, size=16).spec.shape == (3, 16, 16)
    plain, flipped = load(root), load(root, flip=True)
    assert len(flipped) == 256_000
    assert images(flipped, range(128_000, 128_010)).equal(images(plain, range(10)).flip(-1))


def test_labels_can_be_left_out(root: Path) -> None:
    dataset = load(root, labels=False)
    assert set(dataset.arrays) == {"x"}
    assert dataset.spec.classes == 0


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_are_refused(root: Path, channels: int) -> None:
    with pytest.raises(GanzooError, match=r"leave out data\.channels") as error:
        load(root, channels=channels)
    assert "\n" not in str(error.value)
    assert load(root, channels=3).spec.shape == (3, 28, 28)


def test_digits_that_cannot_be_had_are_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise URLError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(GanzooError) as error:
        load(tmp_path)
    assert "mnist was not found" in str(error.value)
    assert str(tmp_path / "MNIST" / "raw") in str(error.value)
    assert "\n" not in str(error.value)


def test_the_real_digits_make_the_same_stacks_everywhere(shared_data_root: Path) -> None:
    check_dataset(SPEC, root=shared_data_root)
    assert load(shared_data_root).arrays["y"][:5].tolist() == [417, 149, 667, 808, 733]
    counts = torch.bincount(torch.as_tensor(load(shared_data_root, "test").arrays["y"]), minlength=1000)
    assert (counts > 0).all()
