"""data.fraction: which training samples are kept, and that everything that belongs to a sample stays with it."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small import point_data
from torch import Tensor

from ganzoo.data.dataset import BatchStream, Chosen, Dataset
from ganzoo.data.fingerprint import fingerprint
from ganzoo.data.fractions import kept_rows, part_of, quotas_of
from ganzoo.errors import GanzooError
from ganzoo.game import Batch
from ganzoo.recipes import Data, DataSpec, RunOptions
from ganzoo.zoo.datasets import load_data


def numbered(count: int, **more: Any) -> Dataset:
    """Samples whose value is their number."""
    x = torch.arange(count, dtype=torch.float32)[:, None]
    return Dataset({"x": x, **more}, DataSpec("numbered", "points", (1,), range=None))


def numbers(dataset: Dataset) -> list[int]:
    return dataset.batch(torch.arange(dataset.count))["x"][:, 0].long().tolist()


@pytest.mark.parametrize(
    ("share", "counts", "expected"),
    [
        # 3.5, 3.25 and 3.25 of 10 in all: the first has the largest remainder.
        ("1/4", [14, 13, 13], [4, 3, 3]),
        # 3.5, 3.5, 3.5 and 4.5 of 15: of equal remainders the first ones.
        ("1/2", [7, 7, 7, 9], [4, 4, 3, 4]),
        # 5, 3, 2 and 0.1 of 10: one of the last all the same, so 11.
        ("1/10", [50, 30, 20, 1], [5, 3, 2, 1]),
        # 0.2 and 9.8 of 10: the one of the first class is the tenth.
        ("1/10", [2, 98], [1, 9]),
        ("1/1000", [10, 20], [1, 1]),
        ("1", [3, 1], [3, 1]),
    ],
)
def test_classes_keep_their_share_by_largest_remainders(share: str, counts: list[int], expected: list[int]) -> None:
    assert quotas_of(Fraction(share), counts) == expected


@pytest.mark.parametrize(
    ("count", "fraction", "expected"), [(1438, 0.01, 14), (1438, 0.1, 144), (25, 0.1, 3), (100, 0.29, 29), (7, 1.0, 7)]
)
def test_a_fraction_is_rounded_to_the_nearest_number_and_halves_up(count: int, fraction: float, expected: int) -> None:
    rows = kept_rows(count, fraction)
    assert len(rows) == len(set(rows.tolist())) == expected
    assert rows.tolist() == sorted(rows.tolist())
    assert set(rows.tolist()) <= set(range(count))


def test_a_smaller_fraction_is_a_part_of_a_larger_one() -> None:
    tenth, third = (set(kept_rows(300, fraction).tolist()) for fraction in (0.1, 0.3))
    assert tenth < third


def test_samples_are_kept_at_random_and_not_in_the_order_of_the_files() -> None:
    rows = kept_rows(1000, 0.5)
    # Of 500 of 1,000, about 250 are of the first half, give or take 11.
    assert 200 < int((rows < 500).sum()) < 300


def test_all_seeds_and_all_reads_see_the_same_samples() -> None:
    data = Data(name="digits", fraction=0.05)
    first, second = (load_data(data, RunOptions()) for _ in range(2))
    assert fingerprint(first) == fingerprint(second)
    assert first.count == 72


def test_labelled_data_keep_the_share_of_every_class() -> None:
    whole = load_data(Data(name="digits"), RunOptions())
    part = load_data(Data(name="digits", fraction=0.25), RunOptions())
    before, after = (torch.bincount(torch.as_tensor(data.arrays["y"])) for data in (whole, part))
    assert int(after.sum()) == round(1438 / 4)
    assert bool(((after - before / 4).abs() < 1).all())


def test_only_the_training_split_is_reduced() -> None:
    data = load_data(Data(name="digits", fraction=0.1), RunOptions())
    assert data.count == 144
    assert load_data(Data(name="digits", fraction=0.1), RunOptions(), "test").count == 359
    assert data.held_out().count == 359


def test_the_note_says_how_many_are_kept() -> None:
    assert part_of(numbered(40), 0.25).notes == ("10 of 40 samples are kept (data.fraction 0.25)",)


def test_labels_and_inputs_stay_with_their_samples() -> None:
    count = 60
    inputs = np.arange(count, dtype=np.float32)[:, None] * 10
    part = part_of(numbered(count, y=torch.arange(count) % 7, source=inputs), 0.3)
    batch = part.batch(torch.arange(part.count))
    assert part.count == 18
    assert torch.equal(batch["source"], batch["x"] * 10)
    assert torch.equal(batch["y"], batch["x"][:, 0].long() % 7)


def test_each_domain_of_unpaired_data_is_reduced_by_itself() -> None:
    other = torch.arange(20, dtype=torch.float32)[:, None]
    arrays = {"x": torch.arange(100.0)[:, None], "other": other, "mark": torch.arange(20)}
    whole = Dataset(arrays, DataSpec("unpaired", "points", (1,), range=None), groups=[["other", "mark"]])
    part = part_of(whole, 0.1)
    assert part.lengths == [10, 2]
    assert part.notes == ("10 of 100 and 2 of 20 samples are kept (data.fraction 0.1)",)
    batch = part.batch(BatchStream(part, 8, seed=0).indices(0))
    assert torch.equal(batch["other"][:, 0].long(), batch["mark"])
    assert len(set(batch["x"][:, 0].tolist())) == 8
    assert len(set(batch["mark"].tolist())) == 2


def test_mirrored_images_are_those_of_the_samples_kept() -> None:
    images = torch.randint(0, 256, (20, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    part = part_of(Dataset({"x": images}, DataSpec("flipped", "image", (1, 4, 4)), flip=True), 0.25)
    assert (part.count, len(part)) == (5, 10)
    plain, mirrored = (part.batch(torch.arange(start, start + 5))["x"] for start in (0, 5))
    assert torch.equal(mirrored, plain.flip(-1))


class Computed:
    """Rows that are computed when they are gathered, and remember which."""

    def __init__(self, count: int) -> None:
        self.shape, self.asked = (count, 1), set[int]()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any, /) -> np.ndarray:
        rows = np.arange(len(self))[index]
        self.asked |= set(np.atleast_1d(rows).tolist())
        return rows[:, None].astype(np.float32)


def test_computed_rows_are_computed_for_the_samples_kept_alone() -> None:
    rows = Computed(50)
    part = part_of(Dataset({"x": rows}, DataSpec("computed", "points", (1,), range=None)), 0.2)
    kept = numbers(part)
    assert len(kept) == 10
    assert rows.asked == set(kept)


def test_an_array_on_disk_stays_there(tmp_path: Path) -> None:
    stored = np.arange(200, dtype=np.uint8).repeat(16).reshape(200, 1, 4, 4)
    np.save(tmp_path / "images.npy", stored)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    for array in (mapped, np.asarray(mapped)):
        part = part_of(Dataset({"x": array}, DataSpec("mapped", "image", (1, 4, 4))), 0.05)
        found = part.arrays["x"]
        assert isinstance(found, Chosen)
        assert found.array is array
        assert fingerprint(part)["digest"] == plain_digest(stored[found.rows])
        part.prefetch(torch.arange(4))
        batch = part.batch(torch.arange(10))["x"]
        assert torch.equal(((batch[:, 0, 0, 0] + 1) * 127.5).round().long(), torch.from_numpy(found.rows))


def plain_digest(array: np.ndarray) -> str:
    """SHA-256 of type, shape and values of an array."""
    return hashlib.sha256(f"{array.dtype.str} {array.shape}".encode() + array.tobytes()).hexdigest()


def test_the_digest_is_that_of_the_samples_kept() -> None:
    part = part_of(numbered(40), 0.25)
    kept = np.array(numbers(part), np.float32)[:, None]
    assert fingerprint(part) == {"count": 10, "digest": plain_digest(kept)}


def test_a_known_digest_depends_on_the_samples_kept() -> None:
    found = set()
    for digest, fraction in (("a", 0.25), ("a", 0.5), ("b", 0.25)):
        whole = numbered(40)
        whole.digest = digest
        found.add(part_of(whole, fraction).digest)
    assert len(found | {"a", "b"}) == 5


class Gathering(Dataset):
    """Gathers its samples from a list of its own."""

    def __init__(self, count: int) -> None:
        x = torch.arange(count, dtype=torch.float32)[:, None]
        super().__init__({"x": x}, DataSpec("own", "points", (1,), range=None), flip=True)
        self.mirrored = {"x"}
        self.own = [float(number) for number in range(count)]

    def batch(self, index: Tensor) -> Batch:
        signs = [1 if number < self.count else -1 for number in index.tolist()]
        values = [self.own[number % self.count] for number in index.tolist()]
        return {"x": torch.tensor([[sign * value] for sign, value in zip(signs, values, strict=True)])}


def test_a_data_set_that_gathers_its_samples_itself_is_asked_for_those_kept() -> None:
    part = part_of(Gathering(30), 0.2)
    assert (part.count, len(part)) == (6, 12)
    assert numbers(part) == part.arrays["x"][:].flatten().tolist()
    assert part.batch(torch.tensor([6]))["x"].item() == -numbers(part)[0]


@pytest.mark.parametrize("fraction", [0.0, -0.5, 1.5, float("nan")])
def test_a_fraction_beyond_its_bounds_is_refused(fraction: float) -> None:
    with pytest.raises(GanzooError, match=r"data\.fraction must be above 0 and at most 1"):
        part_of(point_data(10), fraction)


def test_fewer_than_two_samples_are_refused_with_what_would_do() -> None:
    with pytest.raises(GanzooError, match=r"^data\.fraction=0\.01 leaves 0 of 32 samples of test: use at least 0\.063"):
        part_of(point_data(32), 0.01)
    assert part_of(point_data(32), 0.063).count == 2
    with pytest.raises(GanzooError, match="leaves 1 of 1 samples of test: leave it out"):
        part_of(point_data(1), 0.9)


def test_a_fraction_of_one_is_the_data_set_itself() -> None:
    whole = point_data(5)
    assert part_of(whole, 1.0) is whole


KINDS = {
    "points": "points",
    "digits": "image",
    "edges": "image",
    "domains": "image",
    "breast-cancer": "table",
    "sines": "series",
    "grammar": "tokens",
    "moving-digits": "video",
    "voxel-shapes": "voxels",
    "tones": "audio",
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_data_is_reduced_alike(name: str) -> None:
    whole, part = (load_data(Data(name=name, fraction=fraction), RunOptions()) for fraction in (1.0, 0.1))
    assert part.spec == whole.spec
    assert whole.spec.modality == KINDS[name]
    for before, after in zip(whole.lengths, part.lengths, strict=True):
        assert after == pytest.approx(before / 10, abs=1)
    batch = part.batch(torch.arange(2))
    assert {key: batch[key].shape for key in batch} == {key: whole.batch(torch.arange(2))[key].shape for key in batch}
