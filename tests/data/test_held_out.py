"""data.held_out: some of the user's own samples are kept out of training, for scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import ganzoo
from ganzoo.data.dataset import Dataset
from ganzoo.data.held_out import default_count, held_out_rows
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data, RunOptions
from ganzoo.runs.run import Run
from ganzoo.zoo.datasets import load_data

OPTIONS = RunOptions()


def values(dataset: Dataset) -> list[int]:
    """The first pixel of each image, 0 to 255."""
    x = dataset.arrays["x"]
    first = np.stack([np.asarray(x[number : number + 1]).ravel()[:1] for number in range(len(x))])
    return first.ravel().tolist()


def archive(path: Path, count: int, **more: np.ndarray) -> Data:
    """Grey 2x2 images whose value is their number, modulo 256."""
    x = np.broadcast_to((np.arange(count) % 256).astype(np.uint8)[:, None, None], (count, 2, 2))
    np.savez(path, x=x, **more)
    return Data(name="npz", path=str(path), size=None)


@pytest.mark.parametrize(
    ("total", "expected"),
    # A tenth, but 250 to 10,000, and none where that is more than a fifth.
    [(100, 0), (1249, 0), (1250, 250), (2000, 250), (2500, 250), (2600, 260), (70_000, 7000), (500_000, 10_000)],
)
def test_a_tenth_is_held_out_of_what_can_do_without_it(total: int, expected: int) -> None:
    assert default_count(total) == expected


def test_held_out_samples_are_spread_evenly() -> None:
    # Four quarters of 12 samples, and the middle of each.
    assert held_out_rows(torch.zeros(12, dtype=torch.int64), 4).tolist() == [1, 4, 7, 10]


def test_each_class_has_its_share_and_keeps_a_sample() -> None:
    classes = torch.tensor([0] * 20 + [1] * 9 + [2])
    held = held_out_rows(classes, 6)
    # 4, 1.8 and 0.2 of 30: the second class has the largest remainder.
    assert torch.bincount(classes[held], minlength=3).tolist() == [4, 2, 0]
    # Each class but a sample of each.
    alone = torch.tensor([0, 0, 1, 2])
    assert held_out_rows(alone, 2).tolist() == [1]


def test_both_parts_of_an_archive_are_all_of_it(tmp_path: Path) -> None:
    data = archive(tmp_path / "own.npz", 200, y=np.arange(200) // 100)
    chosen = Data(**{**vars(data), "held_out": 20})
    train, test = load_data(chosen, OPTIONS), load_data(chosen, OPTIONS, "test")
    assert sorted(values(train) + values(test)) == list(range(200))
    assert (train.count, test.count) == (180, 20)
    assert test.arrays["y"].tolist() == [value // 100 for value in values(test)]
    assert torch.bincount(test.arrays["y"]).tolist() == [10, 10]
    assert "20 of 200 samples are held out for scores (data.held_out)" in train.notes
    assert values(train.held_out()) == values(test)
    # Labels that are not read change nothing.
    unlabelled = load_data(Data(**{**vars(chosen), "labels": False}), OPTIONS, "test")
    assert values(unlabelled) == values(test)
    assert "y" not in unlabelled.arrays


def test_photos_are_held_out_without_being_decoded_twice(
    tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "photos"
    for number in range(30):
        (folder / f"class-{number % 2}").mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 100 + number).save(folder / f"class-{number % 2}" / f"{number:02}.png")
    data = Data(name="folder", path=str(folder), size=4, held_out=6)
    train, test = load_data(data, OPTIONS), load_data(data, OPTIONS, "test")
    assert sorted(values(train) + values(test)) == list(range(100, 130))
    assert torch.bincount(torch.as_tensor(test.arrays["y"])).tolist() == [3, 3]
    assert len(list((tmp_path / "cache" / "folder").glob("*/images.npy"))) == 1
    part = load_data(Data(**{**vars(data), "fraction": 0.5}), OPTIONS)
    assert part.count == 12
    assert not set(values(part)) & set(values(test))


def test_a_test_split_of_its_own_is_used_and_no_other(tmp_path: Path) -> None:
    x = np.zeros((4, 2, 2), np.uint8)
    data = archive(tmp_path / "own.npz", 3000, x_test=x)
    assert load_data(data, OPTIONS).count == 3000
    assert load_data(data, OPTIONS, "test").count == 4
    with pytest.raises(GanzooError, match=r"npz has held-out data of its own: leave out data.held_out \(5\)"):
        load_data(Data(**{**vars(data), "held_out": 5}), OPTIONS)
    with pytest.raises(GanzooError, match="digits has held-out data of its own"):
        load_data(Data(held_out=5), OPTIONS)


def test_impossible_numbers_are_refused(tmp_path: Path) -> None:
    data = archive(tmp_path / "own.npz", 200)
    with pytest.raises(GanzooError, match=r"held_out=101 is more than half of the 200 samples of npz: use at most 100"):
        load_data(Data(**{**vars(data), "held_out": 101}), OPTIONS)
    with pytest.raises(GanzooError, match=r"none of its 200 samples is held out: train with --set data.held_out=40"):
        load_data(data, OPTIONS, "test")
    assert load_data(data, OPTIONS).count == 200


def trained(tmp_path: Path, count: int, **keys: Any) -> Run:
    data = archive(tmp_path / "own.npz", count)
    small = {"g_hidden": [8], "d_hidden": [8], "latent": 4, "ema": 0, **keys}
    return ganzoo.train(
        "vanilla", dataset=data.path, steps=1, set=small, out=tmp_path / "run", device="cpu", progress=False
    )


def test_scores_are_compared_with_held_out_samples(tmp_path: Path, cache_folder: Path) -> None:
    run = trained(tmp_path, 600, **{"data.held_out": 250})
    scores = ganzoo.evaluate(run, metrics="memorisation", device="cpu").scores
    assert {score.protocol["n_real"] for score in scores} == {350}
    assert {score.protocol["held_out"] for score in scores} == {250}
    assert all(score.real is not None for score in scores)


def test_a_run_from_before_goes_on_with_all_its_samples(tmp_path: Path, cache_folder: Path) -> None:
    run = trained(tmp_path, 1300, **{"data.held_out": 0})
    file = run.path / "recipe.json"
    info = json.loads(file.read_text())
    del info["recipe"]["data"]["held_out"]
    file.write_text(json.dumps(info))
    again = Run.open(run.path)
    assert again.recipe.data.held_out == 0
    assert ganzoo.resume(run.path, steps=2, device="cpu", progress=False).recipe.steps == 2
    repeated = ganzoo.plan("vanilla", recipe=run.path)
    assert repeated.recipe.data.held_out == 0
