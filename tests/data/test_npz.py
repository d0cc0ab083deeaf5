"""The user's own arrays."""

from __future__ import annotations

import zipfile
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
SQUARES = RANDOM.randint(0, 256, (6, 3, 4, 4)).astype(np.uint8)
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
        # Both axes could be channels: square images are meant.
        (SQUARES, SQUARES),
        (SQUARES.transpose(0, 2, 3, 1), SQUARES),
    ],
    ids=["NHW", "N1HW", "NHW1", "NCHW", "NHWC", "four channels", "square NCHW", "square NHWC"],
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
    "two layouts": ({"x": np.zeros((2, 1, 9, 3), np.uint8)}, "data.layout=NHWC.*data.layout=NCHW"),
    "two square layouts": ({"x": np.zeros((2, 3, 3, 3), np.uint8)}, "set data.layout"),
    "a single picture": ({"x": np.zeros((16, 12, 3), np.uint8)}, "one picture of 16x12 .data.layout=HWC."),
    "signed integers": ({"x": GREY.astype(np.int16) - 1000}, "set data.low and data.high"),
    "floats a little below 0": ({"x": np.array([[[-0.02, 1.0]]])}, "could be either"),
    "floats up to 255": ({"x": GREY.astype(np.float32)}, r"must be in \[0, 1\] or \[-1, 1\]"),
    "floats down to -2": ({"x": np.full((1, 2, 2), -2.0)}, r"must be in \[0, 1\] or \[-1, 1\]"),
    "NaN in points": ({"x": NAN}, "not finite"),
    "NaN in images": ({"x": NAN[None]}, "nan"),
    "infinity": ({"x": np.full((2, 3), np.inf)}, "not finite"),
    "too large for float32": ({"x": np.full((2, 3), 1e300)}, "not finite"),
    "labels too few": ({"x": GREY, "y": np.arange(5)}, "5 for 6 samples"),
    "labels negative": ({"x": GREY, "y": np.arange(6) - 1}, "go down to -1"),
    "labels of bits": ({"x": GREY, "y": np.zeros((6, 14), int)}, "data.labels=false"),
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


def test_a_single_array_is_all_samples(tmp_path: Path) -> None:
    np.save(tmp_path / "single.npy", GREY)
    dataset = npz.load(Data(path=str(tmp_path / "single.npy")), tmp_path, "train")
    assert np.array_equal(x(dataset), GREY[:, None])
    assert dataset.spec.classes == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (GREY > 99, 255 * (GREY > 99)),
        ((GREY > 99).astype(np.uint8), 255 * (GREY > 99)),
        (GREY.astype(np.int64), GREY),
        (np.array([[[0, 4095, 2048]]], np.uint16), np.array([[[0, 255, 128]]])),
        (np.array([[[0, 65_535]]], np.int32), np.array([[[0, 255]]])),
    ],
    ids=["bool", "mask", "int64", "12 bits", "16 bits"],
)
def test_integers_use_the_bits_that_hold_them(values: np.ndarray, expected: np.ndarray, tmp_path: Path) -> None:
    assert np.array_equal(x(load(tmp_path, x=values))[:, 0], expected)


@pytest.mark.parametrize(
    ("keys", "given", "expected"),
    [
        ({"low": -1000, "high": 3000}, [-1024, -1000, 1000, 3000, 3071], [0, 0, 128, 255, 255]),
        ({"high": 255}, [0, 1, 1, 0, 1], [0, 1, 1, 0, 1]),
        ({"high": 16}, [0, 4, 8, 16, 12], [0, 64, 128, 255, 191]),
        ({"low": 0, "high": 1}, [-0.02, 0.0, 0.5, 1.0, 1.02], [0, 0, 128, 255, 255]),
    ],
)
def test_low_and_high_say_what_is_black_and_white(
    keys: dict[str, float], given: list[float], expected: list[int], tmp_path: Path
) -> None:
    np.savez(tmp_path / "data.npz", x=np.array([[given]]))
    dataset = npz.load(Data(path=str(tmp_path / "data.npz"), **keys), tmp_path, "train")  # type: ignore[arg-type]
    assert x(dataset).ravel() == pytest.approx(expected, abs=0.5)
    assert "black" in dataset.notes[0]


@pytest.mark.parametrize("keys", [{"low": -1}, {"low": 3, "high": 3}, {"high": -1}])
def test_low_and_high_that_make_no_range_are_refused(keys: dict[str, float], tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=GREY)
    with pytest.raises(GanzooError, match=r"data\.high"):
        npz.load(Data(path=str(tmp_path / "data.npz"), **keys), tmp_path, "train")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("layout", "shape", "expected"),
    [
        ("HWC", (16, 12, 3), (1, 3, 16, 12)),
        ("NHW", (16, 12, 3), (16, 1, 12, 3)),
        ("CHW", (3, 8, 8), (1, 3, 8, 8)),
        ("NHWC", (6, 3, 4, 4), (6, 4, 3, 4)),
        ("NCHW", (6, 3, 3, 3), (6, 3, 3, 3)),
    ],
)
def test_the_layout_can_be_chosen(
    layout: str, shape: tuple[int, ...], expected: tuple[int, ...], tmp_path: Path
) -> None:
    np.savez(tmp_path / "data.npz", x=RANDOM.randint(0, 256, shape).astype(np.uint8))
    assert x(npz.load(Data(path=str(tmp_path / "data.npz"), layout=layout), tmp_path, "train")).shape == expected


@pytest.mark.parametrize(
    ("given", "numbers", "names"),
    [
        ([1, 2, 3, 1, 2, 3], [0, 1, 2, 0, 1, 2], ("1", "2", "3")),
        ([0, 1, 3, 3, 1, 0], [0, 1, 2, 2, 1, 0], ("0", "1", "3")),
        (["dog", "cat", "cat", "dog", "dog", "cat"], [1, 0, 0, 1, 1, 0], ("cat", "dog")),
        ([[0], [1], [0], [1], [0], [1]], [0, 1, 0, 1, 0, 1], ()),
    ],
)
def test_labels_other_than_0_to_k_are_names(
    given: list[Any], numbers: list[int], names: tuple[str, ...], tmp_path: Path
) -> None:
    dataset = load(tmp_path, x=GREY, y=np.array(given))
    assert torch.as_tensor(dataset.arrays["y"]).tolist() == numbers
    assert (dataset.spec.classes, dataset.spec.class_names) == (max(numbers) + 1, names)
    test = load(tmp_path, "test", x=GREY, y=np.array(given), x_test=GREY[:1], y_test=np.array(given[:1]))
    assert torch.as_tensor(test.arrays["y"]).tolist() == numbers[:1]


@pytest.mark.parametrize(
    "names",
    [
        ("x", "y", "x_test", "y_test"),
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("images", "targets", "x_test", "y_test"),
        ("arr_0", "arr_1", "arr_2", "arr_3"),
    ],
)
def test_the_names_of_others_are_read_with_their_test_split(names: tuple[str, ...], tmp_path: Path) -> None:
    arrays = dict(zip(names, (GREY, np.arange(6)[:, None] % 3, GREY[:2] // 2, np.array([2, 1])), strict=True))
    train, test = load(tmp_path, **arrays), load(tmp_path, "test", **arrays)
    assert (len(train), train.spec.classes) == (6, 3)
    assert np.array_equal(x(test), GREY[:2, None] // 2)
    assert torch.as_tensor(test.arrays["y"]).tolist() == [2, 1]


def test_arrays_that_are_not_used_are_named(tmp_path: Path) -> None:
    assert load(tmp_path, x=GREY, val_images=GREY).notes[-1] == "not used: val_images"
    unnamed = load(tmp_path, arr_0=GREY, arr_1=GREY)
    assert (unnamed.spec.classes, unnamed.notes[-1]) == (0, "not used: arr_1")


def test_a_missing_path_file_or_a_folder_says_what_to_type(tmp_path: Path) -> None:
    for path, pattern in (
        ("", "--dataset npz:FILE"),
        ("none.npz", "there is no file"),
        (str(tmp_path), "--dataset folder:"),
    ):
        with pytest.raises(GanzooError, match=pattern):
            npz.load(Data(path=path), tmp_path, "train")


@pytest.mark.parametrize("highest", [2**63, 2**64 - 1])
def test_labels_that_no_int64_holds_are_refused(highest: int, tmp_path: Path) -> None:
    labels = np.array([0, 1, 2, 3, 4, highest], np.uint64)
    with pytest.raises(GanzooError, match=f"the labels go up to {highest}, above {2**63 - 1}; number the classes"):
        load(tmp_path, x=GREY, y=labels)
    with pytest.raises(GanzooError, match=f"y_test go up to {highest}"):
        load(tmp_path, "test", x=GREY, y=np.arange(6), x_test=GREY, y_test=labels)
    assert load(tmp_path, x=GREY, y=np.arange(6, dtype=np.uint64)).spec.classes == 6


@pytest.mark.parametrize("name", ["x", "y", "x_test"])
@pytest.mark.parametrize("content", [b"", b"text"])
def test_a_member_that_is_no_array_is_refused(content: bytes, name: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", **{other: GREY for other in ("x", "x_test") if other != name})
    with zipfile.ZipFile(tmp_path / "data.npz", "a") as archive:
        archive.writestr(name, content)
    data = Data(name="npz", path=str(tmp_path / "data.npz"))
    with pytest.raises(GanzooError, match=f"its member '{name}' is not an array"):
        npz.load(data, tmp_path, "train")
