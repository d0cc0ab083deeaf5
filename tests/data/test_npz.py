"""The user's own arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganzoo.data import npz
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data

RANDOM = np.random.RandomState(0)
GREY = RANDOM.randint(0, 256, (6, 8, 10)).astype(np.uint8)
RGB = RANDOM.randint(0, 256, (6, 3, 8, 8)).astype(np.uint8)
POINTS = RANDOM.standard_normal((6, 5))


def load(folder: Path, split: str = "train", data: Data | None = None, **arrays: Any) -> Dataset:
    file = folder / "data.npz"
    np.savez(file, **arrays)
    data = data or Data()
    return npz.load(
        Data(name="npz", path=str(file), size=data.size, flip=data.flip, channels=data.channels), folder, split
    )


def x(dataset: Dataset) -> np.ndarray:
    return np.asarray(dataset.arrays["x"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (GREY, GREY[:, None]),
        (GREY[:, None], GREY[:, None]),
        (GREY[..., None], GREY[:, None]),
        (RGB, RGB),
        (RGB.transpose(0, 2, 3, 1), RGB),
        (np.zeros((2, 4, 9, 9), np.uint8), np.zeros((2, 4, 9, 9), np.uint8)),
        # Both axes could be channels: the last one is used.
        (np.zeros((2, 1, 9, 3), np.uint8), np.zeros((2, 3, 1, 9), np.uint8)),
    ],
    ids=["NHW", "N1HW", "NHW1", "NCHW", "NHWC", "four channels", "ambiguous"],
)
def test_layouts(given: np.ndarray, expected: np.ndarray, tmp_path: Path) -> None:
    dataset = load(tmp_path, x=given)
    assert np.array_equal(x(dataset), expected)
    assert (dataset.spec.name, dataset.spec.modality, dataset.spec.shape) == ("npz", "image", expected.shape[1:])


@pytest.mark.parametrize("name", ["x", "images", "arr_0", "pictures"])
def test_names_of_the_samples(name: str, tmp_path: Path) -> None:
    assert len(load(tmp_path, **{name: GREY, "labels": np.arange(6)})) == 6


def test_x_comes_before_the_other_names(tmp_path: Path) -> None:
    assert len(load(tmp_path, x=GREY[:4], images=GREY, arr_0=GREY)) == 4


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("given", "expected"), [([0, 0.5, 1], [0, 128, 255]), ([-1, 0, 1], [0, 128, 255])])
def test_floating_point_images_become_bytes(
    given: list[float], expected: list[int], dtype: type, tmp_path: Path
) -> None:
    assert x(load(tmp_path, x=np.array([[given]], dtype))).ravel() == pytest.approx(expected, abs=1)


def test_the_training_split_decides_the_range_for_the_test_split_too(tmp_path: Path) -> None:
    signed, zero = np.array([[[-1.0, 1.0]]]), np.zeros((1, 1, 2))
    assert x(load(tmp_path, "test", x=signed, x_test=zero)).ravel() == pytest.approx([128, 128], abs=1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_points_stay_as_they_are(dtype: type, tmp_path: Path) -> None:
    dataset = load(tmp_path, x=(100 * POINTS).astype(dtype))
    assert np.array_equal(x(dataset), (100 * POINTS).astype(dtype).astype(np.float32))
    assert (dataset.spec.modality, dataset.spec.shape, dataset.spec.range) == ("points", (5,), None)


@pytest.mark.parametrize("name", ["y", "labels"])
def test_labels(name: str, tmp_path: Path) -> None:
    dataset = load(tmp_path, x=GREY, **{name: np.array([0, 2, 1, 0, 1, 2], np.uint8)})
    y = dataset.arrays["y"]
    assert isinstance(y, torch.Tensor)
    assert (y.dtype, y.tolist(), dataset.spec.classes) == (torch.int64, [0, 2, 1, 0, 1, 2], 3)


def test_the_test_split_knows_as_many_classes_as_the_training_split(tmp_path: Path) -> None:
    dataset = load(tmp_path, "test", x=GREY, y=np.arange(6), x_test=GREY[:2], y_test=np.array([0, 1]))
    assert len(dataset) == 2
    assert dataset.spec.classes == 6


def test_a_test_split_without_labels_has_none(tmp_path: Path) -> None:
    dataset = load(tmp_path, "test", x=GREY, y=np.arange(6), x_test=GREY[:2])
    assert "y" not in dataset.arrays
    assert dataset.spec.classes == 0


def test_images_take_size_channels_and_flip(tmp_path: Path) -> None:
    dataset = load(tmp_path, data=Data(size=4, channels=3, flip=True), x=GREY)
    assert dataset.spec.shape == x(dataset).shape[1:] == (3, 4, 4)
    assert len(dataset) == 12


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "small.npz", x=GREY)
    assert len(npz.load(Data(path=str(tmp_path / "small.npz")), tmp_path, "train")) == 6


NAN = np.full((2, 3), np.nan)
REFUSED = {
    "objects": ({"x": np.array([{}, 1], dtype=object)}, "plain arrays"),
    "no samples": ({"y": np.arange(3)}, r"none of its arrays \(.*\) is named x"),
    "two candidates": ({"a": GREY, "b": GREY}, r"none of its arrays \(.*\) is named x"),
    "nothing": ({}, "no array"),
    "scalar": ({"x": np.uint8(3)}, "x contains no samples"),
    "vector": ({"x": np.arange(6.0)}, "neither images"),
    "five axes": ({"x": np.zeros((2, 2, 2, 2, 3), np.uint8)}, "neither images"),
    "two channels": ({"x": np.zeros((2, 2, 8, 8), np.uint8)}, "neither images"),
    "empty": ({"x": GREY[:0]}, "x contains no samples"),
    "empty images": ({"x": np.zeros((2, 0, 8), np.uint8)}, "x contains no samples"),
    "empty test split": ({"x": GREY, "x_test": GREY[:0]}, "x_test contains no samples"),
    "integer points": ({"x": np.zeros((4, 2), np.uint8)}, "points must be float"),
    "text": ({"x": np.array([["a", "b"]])}, "points must be float"),
    "complex": ({"x": np.zeros((4, 2), complex)}, "points must be float"),
    "64-bit integer images": ({"x": GREY.astype(np.int64)}, "uint8"),
    "boolean images": ({"x": GREY > 9}, "uint8"),
    "floats up to 255": ({"x": GREY.astype(np.float32)}, r"must be in \[0, 1\] or \[-1, 1\]"),
    "floats down to -2": ({"x": np.full((1, 2, 2), -2.0)}, r"must be in \[0, 1\] or \[-1, 1\]"),
    "NaN in points": ({"x": NAN}, "not finite"),
    "NaN in images": ({"x": NAN[None]}, "nan"),
    "infinity": ({"x": np.full((2, 3), np.inf)}, "not finite"),
    "too large for float32": ({"x": np.full((2, 3), 1e300)}, "not finite"),
    "labels too few": ({"x": GREY, "y": np.arange(5)}, "5 for 6 samples"),
    "labels negative": ({"x": GREY, "y": np.arange(6) - 1}, "go down to -1"),
    "labels floating": ({"x": GREY, "y": np.arange(6.0)}, "must be integers"),
    "labels one-hot": ({"x": GREY, "y": np.eye(6, dtype=int)}, "must be integers"),
    "labels not classes": ({"x": GREY, "y": np.arange(6) * 1000}, "number the classes from 0"),
}


@pytest.mark.parametrize(("arrays", "pattern"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_in_one_line(arrays: dict[str, Any], pattern: str, tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match=pattern) as error:
        load(tmp_path, **arrays)
    assert "\n" not in str(error.value)
    assert "data.npz" in str(error.value)


REFUSED_TESTS = {
    "absent": ({"x": GREY}, "no test split"),
    "another shape": ({"x": GREY, "x_test": GREY[:, :4]}, "samples of shape"),
    "points of another dimension": ({"x": POINTS, "x_test": POINTS[:, :2]}, "samples of shape"),
    "points for images": ({"x": GREY, "x_test": POINTS}, "neither images"),
    "images for points": ({"x": POINTS, "x_test": POINTS[..., None]}, "samples of shape"),
    "an unknown class": ({"x": GREY, "y": np.zeros(6, int), "x_test": GREY, "y_test": np.arange(6)}, "label 5"),
}


@pytest.mark.parametrize(("arrays", "pattern"), REFUSED_TESTS.values(), ids=REFUSED_TESTS.keys())
def test_a_test_split_that_does_not_fit_is_refused(arrays: dict[str, Any], pattern: str, tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match=pattern) as error:
        load(tmp_path, "test", **arrays)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("data", [Data(flip=True), Data(size=8), Data(channels=1)])
def test_points_refuse_settings_of_images(data: Data, tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match="npz contains points"):
        load(tmp_path, data=data, x=POINTS)


@pytest.mark.parametrize("content", [b"", b"rubbish", b"PK\x03\x04 cut"])
def test_a_file_that_is_no_npz_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(GanzooError, match="cannot be read as a") as error:
        npz.load(Data(path=str(tmp_path / "bad.npz")), tmp_path, "train")
    assert "\n" not in str(error.value)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "cut.npz", x=RGB)
    whole = (tmp_path / "cut.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(GanzooError, match="cannot be read as a"):
        npz.load(Data(path=str(tmp_path / "cut.npz")), tmp_path, "train")


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", x=RGB)
    content = bytearray((tmp_path / "bad.npz").read_bytes())
    content[600] ^= 255
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(GanzooError, match="cannot be read as a"):
        npz.load(Data(path=str(tmp_path / "bad.npz")), tmp_path, "train")


def test_a_single_array_is_refused_with_the_way_to_save_it(tmp_path: Path) -> None:
    np.save(tmp_path / "single.npy", GREY)
    with pytest.raises(GanzooError, match=r"np\.savez\(FILE, x=array\)"):
        npz.load(Data(path=str(tmp_path / "single.npy")), tmp_path, "train")


def test_a_missing_path_file_or_a_folder_says_what_to_type(tmp_path: Path) -> None:
    for path, pattern in (
        ("", "--dataset npz:FILE"),
        ("none.npz", "there is no file"),
        (str(tmp_path), "--dataset folder:"),
    ):
        with pytest.raises(GanzooError, match=pattern):
            npz.load(Data(path=path), tmp_path, "train")
