"""digits and points: the data sets that need no files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ganzoo.data import points
from ganzoo.data.dataset import Dataset
from ganzoo.data.images import digits
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data

ROOT = Path("unused")
KINDS = list(points.KINDS)


def arrays(dataset: Dataset) -> tuple[Tensor, Tensor]:
    x, y = dataset.arrays["x"], dataset.arrays["y"]
    assert isinstance(x, Tensor)
    assert isinstance(y, Tensor)
    return x, y


def test_digits_are_split_four_to_one_at_random() -> None:
    train, test = (arrays(digits.load(Data(), ROOT, split))[1] for split in ("train", "test"))
    assert len(train) + len(test) == 1797
    fraction = train.bincount(minlength=10) / (train.bincount(minlength=10) + test.bincount(minlength=10))
    assert (len(train), len(test)) == (1438, 359)
    # Give or take two standard deviations of 180 random draws.
    torch.testing.assert_close(fraction, torch.full((10,), 0.8), rtol=0, atol=0.06)


def test_digits_test_split_holds_what_the_training_split_leaves() -> None:
    from sklearn.datasets import load_digits

    rows = [arrays(digits.load(Data(), ROOT, split))[0].reshape(-1, 64) for split in ("train", "test")]
    ours = sorted(map(tuple, torch.cat(rows).tolist()))
    assert ours == sorted(map(tuple, np.rint(load_digits().data * 255 / 16).astype(int).tolist()))


def test_digits_span_all_grey_levels_from_black_to_white() -> None:
    x, y = arrays(digits.load(Data(), ROOT, "train"))
    assert x.dtype == torch.uint8
    assert x.shape[1:] == (1, 8, 8)
    assert (x.min(), x.max()) == (0, 255)
    assert y.dtype == torch.int64


def test_digits_spec() -> None:
    spec = digits.load(Data(), ROOT, "train").spec
    assert (spec.name, spec.modality, spec.shape, spec.classes) == ("digits", "image", (1, 8, 8), 10)
    assert spec.class_names == tuple("0123456789")
    assert spec.range == (-1.0, 1.0)


def test_digits_take_size_channels_and_flip() -> None:
    dataset = digits.load(Data(size=16, channels=3, flip=True), ROOT, "test")
    assert dataset.spec.shape == dataset.arrays["x"].shape[1:] == (3, 16, 16)
    assert len(dataset) == 2 * len(dataset.arrays["x"])


def test_without_labels_there_is_no_y() -> None:
    dataset = digits.load(Data(labels=False), ROOT, "train")
    assert "y" not in dataset.arrays
    assert (dataset.spec.classes, dataset.spec.class_names) == (0, ())


@pytest.mark.parametrize("channels", [2, 4])
def test_channels_that_nothing_converts_to_are_refused(channels: int) -> None:
    with pytest.raises(GanzooError, match="1 \\(grey\\) or 3 \\(RGB\\)"):
        digits.load(Data(channels=channels), ROOT, "train")


@pytest.mark.parametrize("kind", KINDS)
def test_points_come_in_fixed_numbers_and_a_known_region(kind: str) -> None:
    reach = 4.5 if kind == "grid" else 2.3
    for split, count in (("train", 65_536), ("test", 10_000)):
        dataset = points.load(Data(kind=kind), ROOT, split)
        x = dataset.arrays["x"]
        assert isinstance(x, Tensor)
        assert (x.dtype, x.shape) == (torch.float32, (count, 2))
        assert reach - 1 < x.abs().max() < reach
        assert (dataset.spec.modality, dataset.spec.shape, dataset.spec.range) == ("points", (2,), None)


@pytest.mark.parametrize("kind", KINDS)
def test_points_are_the_same_whenever_they_are_made_and_differ_between_splits(kind: str) -> None:
    np.random.seed(1)
    first = points.load(Data(kind=kind), ROOT, "train").arrays["x"]
    np.random.seed(2)
    assert np.array_equal(first, points.load(Data(kind=kind), ROOT, "train").arrays["x"])
    assert not np.array_equal(first[:10_000], points.load(Data(kind=kind), ROOT, "test").arrays["x"])


def test_the_test_points_do_not_repeat_the_training_points_draws() -> None:
    train, test = (arrays(points.load(Data(), ROOT, split))[1] for split in ("train", "test"))
    assert not torch.equal(train[:10_000], test)


@pytest.mark.parametrize(("kind", "count", "std"), [("ring", 8, 0.02), ("grid", 25, 0.05)])
def test_labelled_points_lie_around_their_modes(kind: str, count: int, std: float) -> None:
    found = points.modes(kind)
    assert found is not None
    centres, found_std = found
    assert (centres.shape, centres.dtype, found_std) == ((count, 2), np.float64, std)
    dataset = points.load(Data(kind=kind), ROOT, "train")
    x, y = arrays(dataset)
    assert dataset.spec.classes == count
    assert sorted(y.unique().tolist()) == list(range(count))
    offset = x.double() - torch.from_numpy(centres)[y]
    assert offset.abs().max() < 6 * std
    torch.testing.assert_close(offset.std(0), torch.full((2,), std).double(), rtol=0.02, atol=0)
    fractions = y.bincount() / len(y)
    torch.testing.assert_close(fractions, torch.full((count,), 1 / count), rtol=0.1, atol=0)


def test_the_ring_has_radius_two_and_the_grid_spans_four() -> None:
    ring, grid = points.modes("ring"), points.modes("grid")
    assert ring is not None
    assert grid is not None
    assert np.linalg.norm(ring[0], axis=1) == pytest.approx(2.0)
    assert sorted(set(grid[0].ravel())) == [-4, -2, 0, 2, 4]
    assert len({tuple(centre) for centre in grid[0]}) == 25


@pytest.mark.parametrize("kind", ["swiss-roll", "moons"])
def test_points_that_are_no_mixture_have_no_modes_and_no_labels(kind: str) -> None:
    assert points.modes(kind) is None
    dataset = points.load(Data(kind=kind), ROOT, "test")
    assert "y" not in dataset.arrays
    assert dataset.spec.classes == 0


def test_moons_are_two_half_circles() -> None:
    x = points.load(Data(kind="moons"), ROOT, "test").arrays["x"]
    assert isinstance(x, Tensor)
    raw = x / (4 / 3) + torch.tensor([0.5, 0.25])
    upper, lower = raw.norm(dim=1), (raw - torch.tensor([1.0, 0.5])).norm(dim=1)
    assert torch.minimum((upper - 1).abs(), (lower - 1).abs()).max() < 0.3
    assert abs(((upper - 1).abs() < (lower - 1).abs()).float().mean() - 0.5) < 0.05


def test_the_default_kind_is_the_ring() -> None:
    assert np.array_equal(
        points.load(Data(), ROOT, "test").arrays["x"], points.load(Data(kind="ring"), ROOT, "test").arrays["x"]
    )
    assert points.modes("") is not None


@pytest.mark.parametrize("make", [lambda: points.load(Data(kind="rign"), ROOT, "train"), lambda: points.modes("rign")])
def test_an_unknown_kind_names_its_neighbour(make: Callable[[], object]) -> None:
    with pytest.raises(GanzooError, match=r"unknown kind of points 'rign': did you mean ring"):
        make()


@pytest.mark.parametrize("data", [Data(flip=True), Data(size=8), Data(channels=1)])
def test_points_refuse_settings_of_images(data: Data) -> None:
    with pytest.raises(GanzooError, match="points contains points, not images"):
        points.load(data, ROOT, "train")


def test_points_without_labels() -> None:
    dataset = points.load(Data(labels=False), ROOT, "test")
    assert "y" not in dataset.arrays
    assert dataset.spec.classes == 0
