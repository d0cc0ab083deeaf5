"""Data whose parts do not belong together: every group is shuffled on its own, and every sample of each is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ganzoo.data.dataset import Array, BatchStream, Dataset
from ganzoo.recipes import DataSpec


def column(count: int) -> Tensor:
    return torch.arange(count, dtype=torch.float32)[:, None]


def unpaired(a: Array | None = None, b: Array | None = None) -> Dataset:
    """Ten samples, and four of another domain with two arrays."""
    other = column(4) if b is None else b
    arrays = {"x": column(10) if a is None else a, "other": other, "mark": torch.arange(4)}
    return Dataset(arrays, DataSpec("unpaired", "points", (1,), range=None), groups=[["other", "mark"]])


def test_every_sample_of_each_group_comes_once_in_each_of_its_epochs() -> None:
    data = unpaired()
    stream = BatchStream(data, 5, seed=0)
    seen: dict[str, list[float]] = {"x": [], "other": []}
    for i in range(8):
        batch = data.batch(stream.indices(i))
        assert torch.equal(batch["other"][:, 0].long(), batch["mark"])
        for name, values in seen.items():
            values += batch[name][:, 0].tolist()
    for name, count in (("x", 10), ("other", 4)):
        for start in range(0, 40, count):
            assert sorted(seen[name][start : start + count]) == list(range(count))
    assert len(data) == data.count == 10


def test_groups_are_shuffled_independently_of_one_another() -> None:
    same = Dataset({"x": column(8), "b": column(8)}, DataSpec("u", "points", (1,), range=None), groups=[["b"]])
    pairs = set()
    for i in range(16):
        batch = same.batch(BatchStream(same, 8, seed=0).indices(i))
        pairs |= set(zip(batch["x"][:, 0].tolist(), batch["b"][:, 0].tolist(), strict=True))
    # Of 64 pairs; were they shuffled together, there would be 8.
    assert len(pairs) > 40


def test_a_batch_is_a_function_of_seed_and_number_with_groups_too() -> None:
    first, second = BatchStream(unpaired(), 3, seed=1), BatchStream(unpaired(), 3, seed=1)
    in_order = [first.indices(i) for i in range(20)]
    for i in (19, 3, 11):
        assert torch.equal(second.indices(i), in_order[i])


def test_the_second_group_may_be_the_longer_one_and_decides_the_epoch() -> None:
    data = Dataset({"x": column(3), "b": column(9)}, DataSpec("u", "points", (1,), range=None), groups=[["b"]])
    assert (data.count, len(data), data.lengths) == (3, 9, [3, 9])
    stream = BatchStream(data, 9, seed=0)
    batch = data.batch(stream.indices(0))
    assert sorted(batch["b"][:, 0].tolist()) == list(range(9))
    assert sorted(batch["x"][:, 0].tolist()) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_parts_of_a_batch_are_its_rows_with_groups_too() -> None:
    stream = BatchStream(unpaired(), 6, seed=0)
    parts = [stream.part(2, part, 3) for part in range(3)]
    assert torch.equal(torch.cat(parts), stream.indices(2))


def test_a_mirrored_image_is_one_of_its_own_group() -> None:
    x = torch.randint(0, 255, (3, 1, 4, 4), dtype=torch.uint8)
    data = Dataset({"x": x, "b": column(2)}, DataSpec("u", "image", (1, 4, 4)), groups=[["b"]], flip=True)
    assert data.lengths == [6, 2]
    got = data.batch(torch.arange(6))["x"]
    plain = data.batch(torch.arange(3))["x"]
    assert torch.equal(got[:3], plain)
    assert torch.equal(got[3:], plain.flip(-1))


def test_groups_on_disk_are_read_by_their_own_indices(tmp_path: Path) -> None:
    files = {}
    for name, count in (("a", 10), ("b", 4)):
        files[name] = np.lib.format.open_memmap(tmp_path / f"{name}.npy", "w+", np.float32, (count, 1))
        files[name][:] = column(count).numpy()
    on_disk, in_memory = unpaired(files["a"], files["b"]), unpaired()
    stream = BatchStream(on_disk, 4, seed=0)
    for i in range(6):
        index = stream.indices(i)
        on_disk.prefetch(index)
        for name in ("x", "other", "mark"):
            assert torch.equal(on_disk.batch(index)[name], in_memory.batch(index)[name])


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([["nothing"]], "name each array once"),
        ([["b"], ["b"]], "name each array once"),
        ([[]], "name each array once"),
        ([], "if they do not belong together, name groups"),
    ],
)
def test_groups_that_do_not_fit_the_arrays_are_an_error(groups: list[list[str]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Dataset({"x": column(3), "b": column(4)}, DataSpec("u", "points", (1,)), groups=groups)
