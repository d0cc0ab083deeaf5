"""The published image data sets: their real files where available, and every way in which they can be missing."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from ganzoo.builtins.datasets import DATASETS
from ganzoo.data.dataset import Dataset
from ganzoo.data.images import vision
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data

SPECS = {spec.name: spec for spec in DATASETS}
PUBLISHED = [*vision.PUBLISHED, "celeba"]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        print("what torchvision has to say")
        raise URLError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr("torchvision.datasets.celeba.download_file_from_google_drive", refuse)


def load(name: str, root: Path, split: str = "train", **data: Any) -> Dataset:
    return SPECS[name].load(Data(name=name, **data), root, split)


def message(name: str, root: Path) -> str:
    with pytest.raises(GanzooError) as error:
        load(name, root)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "split", "shape"),
    [
        ("mnist", "train", (60_000, 1, 28, 28)),
        ("mnist", "test", (10_000, 1, 28, 28)),
        ("cifar10", "test", (10_000, 3, 32, 32)),
    ],
)
def test_real_files_are_read_whole(name: str, split: str, shape: tuple[int, ...], shared_data_root: Path) -> None:
    dataset = load(name, shared_data_root, split)
    x, y = dataset.arrays["x"], dataset.arrays["y"]
    assert isinstance(x, torch.Tensor)
    assert isinstance(y, torch.Tensor)
    assert (x.dtype, y.dtype) == (torch.uint8, torch.int64)
    assert x.shape == shape
    assert x.is_contiguous()
    assert (x.min(), x.max()) == (0, 255)
    assert y.unique().tolist() == list(range(10))
    assert (dataset.spec.name, dataset.spec.shape, dataset.spec.classes) == (name, shape[1:], 10)


def test_pixels_and_labels_are_those_of_torchvision(shared_data_root: Path) -> None:
    dataset = load("cifar10", shared_data_root, "test")
    reference = torchvision.datasets.CIFAR10(str(shared_data_root), train=False)
    for i in (0, 17, 9_999):
        image, label = reference[i]
        assert np.array_equal(np.asarray(dataset.arrays["x"][i]).transpose(1, 2, 0), np.asarray(image))
        assert dataset.spec.class_names[int(dataset.arrays["y"][i])] == reference.classes[label]


def test_reading_is_silent(shared_data_root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load("cifar10", shared_data_root, "test")
        load("mnist", shared_data_root, "test")
    assert capfd.readouterr() == ("", "")


def test_size_and_channels_are_honoured(shared_data_root: Path) -> None:
    dataset = load("mnist", shared_data_root, "test", size=32, channels=3)
    assert dataset.arrays["x"].shape == (10_000, 3, 32, 32)
    assert dataset.spec.shape == (3, 32, 32)


def test_labels_can_be_left_out(shared_data_root: Path) -> None:
    dataset = load("mnist", shared_data_root, "test", labels=False)
    assert set(dataset.arrays) == {"x"}
    assert dataset.spec.classes == 0


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", PUBLISHED)
def test_what_is_absent_and_cannot_be_downloaded_is_said_in_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = message(name, tmp_path)
    folder = tmp_path / ("celeba" if name == "celeba" else vision.PUBLISHED[name].files)
    assert line.startswith(f"{name} was not found and could not be downloaded (")
    assert f"belong in {folder};" in line
    assert "no network in tests" in line
    assert "--data-root" in line
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("kept", [0, 1000])
def test_a_truncated_file_is_said_in_one_line(kept: int, tmp_path: Path, shared_data_root: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for source in (shared_data_root / "MNIST" / "raw").iterdir():
        (raw / source.name).write_bytes(source.read_bytes()[:kept] if "images" in source.name else source.read_bytes())
    line = message("mnist", tmp_path)
    assert f"mnist: the files in {raw} are incomplete or damaged" in line
    assert "delete that folder" in line


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", [name for name in vision.PUBLISHED if name != "svhn"])
def test_rubbish_in_place_of_the_files_is_said_in_one_line(name: str, tmp_path: Path) -> None:
    folder = tmp_path / vision.PUBLISHED[name].files
    folder.mkdir(parents=True)
    (folder / "rubbish").write_bytes(b"rubbish")
    assert "incomplete or damaged" in message(name, tmp_path)


@pytest.mark.skipif(not hasattr(__import__("os"), "geteuid"), reason="needs POSIX permissions")
def test_a_root_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "could not be downloaded" in message("mnist", tmp_path / "file")


def test_an_interrupt_is_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("urllib.request.urlopen", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load("mnist", tmp_path)


class Arrays:
    """Replaces a torchvision class whose files are too large for tests: the attributes that are read."""

    classes = ("one", "two")

    def __init__(self, root: str, *, split: str, download: bool) -> None:
        self.data = np.arange(2 * 3 * 4 * 4, dtype=np.uint8).reshape(2, 3, 4, 4)
        self.labels = np.array([1, 0], dtype=np.uint8)


@pytest.mark.parametrize(("name", "cls", "classes"), [("svhn", "SVHN", 10), ("stl10", "STL10", 2)])
def test_sets_that_come_channels_first_stay_so(
    name: str, cls: str, classes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"torchvision.datasets.{cls}", Arrays)
    dataset = load(name, tmp_path)
    assert np.array_equal(dataset.arrays["x"], Arrays("", split="", download=False).data)
    assert np.asarray(dataset.arrays["y"]).tolist() == [1, 0]
    assert dataset.spec.classes == classes


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five training and two test images of CelebA's size, white above and below the central square."""
    folder = tmp_path / "celeba" / "img_align_celeba"
    folder.mkdir(parents=True)
    names = {"train": [f"{i:06}.jpg" for i in range(5)], "test": ["000005.jpg", "000006.jpg"]}
    for i, name in enumerate(names["train"] + names["test"]):
        picture = Image.new("RGB", (178, 218), "white")
        picture.paste((40 * i, 0, 0), (0, 20, 178, 198))
        picture.save(folder / name, quality=95)

    class CelebA:
        def __init__(self, root: str, *, split: str, target_type: list[str], download: bool) -> None:
            self.filename = names[split]

    monkeypatch.setattr("torchvision.datasets.CelebA", CelebA)
    return tmp_path


def test_celeba_is_the_central_square_at_64(faces: Path) -> None:
    dataset = load("celeba", faces)
    x = np.asarray(dataset.arrays["x"])
    assert x.shape == (5, 3, 64, 64)
    assert np.abs(x[:, 0, 2:-2].astype(int) - 40 * np.arange(5)[:, None, None]).max() <= 3
    assert x[:, 1:, 2:-2].max() <= 3
    assert "y" not in dataset.arrays
    assert (dataset.spec.name, dataset.spec.classes) == ("celeba", 0)


def test_celeba_splits_do_not_share_a_cache(faces: Path) -> None:
    assert [len(load("celeba", faces, split)) for split in ("train", "test", "train")] == [5, 2, 5]


def test_celeba_takes_size_and_channels(faces: Path) -> None:
    assert load("celeba", faces, size=32, channels=1).spec.shape == (1, 32, 32)


def test_a_face_replaced_by_one_of_equal_size_and_time_is_seen(faces: Path) -> None:
    first, second = sorted((faces / "celeba" / "img_align_celeba").glob("*.jpg"))[:2]
    # Bytes after the end of a JPEG image are not read.
    for file in (first, second):
        file.write_bytes(file.read_bytes().ljust(100_000, b"\0"))
    before = np.asarray(load("celeba", faces).arrays["x"]).copy()
    facts = first.stat()
    first.write_bytes(second.read_bytes())
    os.utime(first, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    after = np.asarray(load("celeba", faces).arrays["x"])
    assert np.array_equal(after[0], before[1])
    assert np.array_equal(after[1:], before[1:])


def test_celeba_half_unpacked_is_said_in_one_line(faces: Path) -> None:
    (faces / "celeba" / "img_align_celeba" / "000003.jpg").unlink()
    assert "1 of 5 images are missing" in message("celeba", faces)
