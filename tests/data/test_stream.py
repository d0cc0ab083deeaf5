"""The seeded stream of batches, and gathering from a data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ganzoo.data import dataset as dataset_module
from ganzoo.data.dataset import BatchStream, Dataset, as_input
from ganzoo.game import batch_size
from ganzoo.recipes import DataSpec


def points(count: int) -> Dataset:
    """`count` samples, each of which is its index."""
    x = torch.arange(count, dtype=torch.float32)[:, None]
    return Dataset({"x": x}, DataSpec("numbers", "points", (1,), range=None))


def images(flip: bool = False) -> Dataset:
    x = torch.randint(0, 256, (5, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Dataset({"x": x, "y": torch.arange(5)}, DataSpec("noise", "image", (1, 4, 4), classes=5), flip=flip)


def test_a_batch_depends_on_seed_and_number_alone() -> None:
    ordered = BatchStream(points(50), batch=8, seed=3)
    in_order = [ordered.indices(i) for i in range(30)]
    jumping = BatchStream(points(50), batch=8, seed=3)
    for i in (29, 4, 28, 0, 13):
        assert torch.equal(jumping.indices(i), in_order[i])


def test_another_seed_gives_another_order() -> None:
    first, second = (BatchStream(points(50), batch=50, seed=seed).indices(0) for seed in (0, 1))
    assert not torch.equal(first, second)


def test_another_epoch_gives_another_order() -> None:
    stream = BatchStream(points(50), batch=50, seed=0)
    assert not torch.equal(stream.indices(0), stream.indices(1))


def test_the_global_generator_neither_matters_nor_moves() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = BatchStream(points(50), batch=8, seed=0).indices(3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(BatchStream(points(50), batch=8, seed=0).indices(3), first)


@pytest.mark.parametrize("batch", [1, 7, 10, 64])
def test_every_sample_comes_once_per_epoch(batch: int) -> None:
    stream, count = BatchStream(points(10), batch=batch, seed=0), 10
    drawn = torch.cat([stream.indices(i) for i in range(-(-5 * count // batch))])
    for epoch in range(5):
        assert sorted(drawn[epoch * count : (epoch + 1) * count].tolist()) == list(range(count))


def test_a_batch_may_be_larger_than_the_data_set() -> None:
    batch = BatchStream(points(3), batch=10, seed=0).batch(2)["x"]
    assert batch.shape == (10, 1)
    assert all(3 <= (batch == value).sum() <= 4 for value in range(3))


def test_parts_join_to_the_whole_batch() -> None:
    stream = BatchStream(points(20), batch=12, seed=0)
    parts = [stream.batch(4, part, 3)["x"] for part in range(3)]
    assert torch.equal(torch.cat(parts), stream.batch(4)["x"])


def test_flip_counts_every_image_twice_and_mirrors_the_second() -> None:
    plain, flipped = images(), images(flip=True)
    assert len(flipped) == 2 * len(plain)
    index = torch.arange(5)
    assert torch.equal(flipped.batch(index)["x"], plain.batch(index)["x"])
    assert torch.equal(flipped.batch(index + 5)["x"], plain.batch(index)["x"].flip(-1))
    assert torch.equal(flipped.batch(index + 5)["y"], index)


def test_bytes_become_minus_one_to_one() -> None:
    x = as_input(torch.tensor([0, 255], dtype=torch.uint8))
    assert x.dtype == torch.float32
    torch.testing.assert_close(x, torch.tensor([-1.0, 1.0]), rtol=0, atol=1e-6)


def test_what_is_no_image_passes_unchanged() -> None:
    assert torch.equal(points(5).batch(torch.tensor([4, 0]))["x"], torch.tensor([[4.0], [0.0]]))


def test_a_memory_mapped_array_gives_the_same_batches_as_a_tensor(tmp_path: Path) -> None:
    held = images()
    np.save(tmp_path / "x.npy", held.arrays["x"])
    mapped = Dataset({"x": np.load(tmp_path / "x.npy", mmap_mode="r"), "y": held.arrays["y"]}, held.spec)
    a, b = (BatchStream(dataset, batch=4, seed=0).batch(1) for dataset in (held, mapped))
    assert torch.equal(a["x"], b["x"])
    assert torch.equal(a["y"], b["y"])


@pytest.fixture
def on_disk(tmp_path: Path) -> Dataset:
    """1,000 images of 5x7 in a memory-mapped file, so that rows cross page boundaries; with mirrored copies."""
    x = np.random.RandomState(0).randint(0, 256, (1000, 1, 5, 7), dtype=np.uint8)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    return Dataset({"x": mapped, "y": torch.arange(1000)}, DataSpec("noise", "image", (1, 5, 7)), flip=True)


def test_what_is_read_ahead_changes_no_batch(on_disk: Dataset) -> None:
    held = Dataset({**on_disk.arrays, "x": torch.from_numpy(np.array(on_disk.arrays["x"]))}, on_disk.spec, flip=True)
    ours, plain = (BatchStream(dataset, batch=64, seed=1) for dataset in (on_disk, held))
    on_disk.prefetch(torch.arange(2000))
    for i in (0, 1, 2, 31, 32, 5):
        assert torch.equal(ours.batch(i)["x"], plain.batch(i)["x"])
        assert torch.equal(ours.batch(i, 1, 4)["y"], plain.batch(i, 1, 4)["y"])


def test_each_batch_is_read_ahead_once_and_before_its_turn(on_disk: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []
    monkeypatch.setattr(dataset_module, "read_ahead", lambda array, rows: asked.append(rows))
    stream = BatchStream(on_disk, batch=8, seed=0)
    rows = [(stream.indices(i) % 1000).tolist() for i in range(4)]
    stream.batch(0)
    assert asked == [rows[1], rows[0]]
    stream.batch(1)
    stream.batch(2)
    assert asked[2:] == [rows[2], rows[3]]


def test_all_rows_of_a_mapped_file_can_be_read_ahead(on_disk: Dataset) -> None:
    array = on_disk.arrays["x"]
    assert isinstance(array, np.memmap)
    dataset_module.read_ahead(array, range(1000))
    dataset_module.read_ahead(array[10:], range(990))
    dataset_module.read_ahead(array[:, :, ::2], range(1000))


def test_data_on_disk_do_not_lie_on_the_device(on_disk: Dataset) -> None:
    assert images().resident
    assert not on_disk.resident


def test_a_part_is_gathered_when_it_is_first_asked_for_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, gathered = images(), []
    gather = Dataset._gather

    def watched(self: Dataset, array: Tensor, *where: Tensor) -> Tensor:
        gathered.append(next(name for name, known in self.arrays.items() if known is array))
        return gather(self, array, *where)

    monkeypatch.setattr(Dataset, "_gather", watched)
    batch = dataset.batch(torch.tensor([3, 1]))
    assert list(batch) == ["x", "y"]
    assert "x" in batch
    assert "z" not in batch
    assert batch.get("z") is None
    assert batch_size(batch) == 2
    assert gathered == []
    assert batch["y"].tolist() == [3, 1]
    assert batch["x"] is batch["x"]
    assert gathered == ["y", "x"]


def test_a_loss_may_put_other_parts_into_its_batch() -> None:
    batch = images().batch(torch.tensor([3, 1]))
    batch["x"] = batch["x"] * 2
    batch["w"] = torch.ones(2)
    del batch["y"]
    assert list(batch) == ["x", "w"]
    assert batch["x"].abs().max() > 1
    assert {**batch}.keys() == {"x", "w"}


def test_ranks_take_their_parts_of_batches_across_epochs() -> None:
    stream = BatchStream(points(10), batch=24, seed=0)
    for i in range(4):
        parts = [stream.part(i, part, 3) for part in range(3)]
        assert torch.equal(torch.cat(parts), stream.indices(i))
