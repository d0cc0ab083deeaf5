"""Grey images of more than 8 bits: one rule for a whole folder, and keys that decide where the values do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganzoo.data.dataset import Dataset
from ganzoo.data.images import folder
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data


@pytest.fixture(autouse=True)
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


def load(path: Path, **keys: Any) -> Dataset:
    return folder.load(Data(name="folder", path=str(path), **{"size": 8, **keys}), Path("unused"), "train")


def levels(dataset: Dataset) -> list[int]:
    """The level of each image, all of whose pixels are equal."""
    x = np.asarray(dataset.arrays["x"])
    assert (x == x[:, :1, :1, :1]).all()
    return x[:, 0, 0, 0].tolist()


def put(path: Path, *values: float, dtype: Any = np.uint16, ending: str = "png") -> None:
    for number, value in enumerate(values):
        Image.fromarray(np.full((9, 9), value, dtype)).save(path / f"{number}.{ending}")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0, 4095, 2048, 1000), [0, 255, 128, 62]),
        ((100, 1023), [25, 255]),
        ((0, 40_000, 65_535), [0, 156, 255]),
        ((0, 1), [0, 255]),
    ],
    ids=["12 bits", "10 bits", "16 bits", "masks"],
)
def test_all_images_share_one_range(values: tuple[int, ...], expected: list[int], images: Path) -> None:
    put(images, *values)
    dataset = load(images)
    assert levels(dataset) == expected
    assert f"{len(values)} images of more than 8 bits" in dataset.notes[0]
    assert levels(load(images)) == expected


def test_an_image_keeps_its_level_beside_brighter_ones(images: Path) -> None:
    put(images, 500, 1000)
    dark = levels(load(images))
    put(images, 500, 1000, 4000)
    assert dark == pytest.approx([125, 249], abs=1)
    assert levels(load(images)) == pytest.approx([31, 62, 249], abs=1)


@pytest.mark.parametrize(
    ("values", "dtype"), [((-1000, 3000), np.int32), ((-0.02, 1.0), np.float32), ((0, 1000.0), np.float32)]
)
def test_values_that_could_mean_several_things_name_the_keys(values: Any, dtype: Any, images: Path) -> None:
    put(images, *values, dtype=dtype, ending="tif")
    with pytest.raises(GanzooError, match=r"set data\.low and data\.high") as error:
        load(images)
    assert "\n" not in str(error.value)
    low, high = values
    assert levels(load(images, low=low, high=high)) == [0, 255]


@pytest.mark.parametrize(("values", "expected"), [((0.0, 1.0, 0.5), [0, 255, 128]), ((-1.0, 1.0, 0.0), [0, 255, 128])])
def test_floats_in_a_usual_range_need_no_keys(values: Any, expected: list[int], images: Path) -> None:
    put(images, *values, dtype=np.float32, ending="tif")
    assert levels(load(images)) == pytest.approx(expected, abs=1)


def test_the_keys_hold_for_8_bits_too_and_masks_without_them_are_refused(images: Path) -> None:
    put(images, 0, 1, dtype=np.uint8)
    with pytest.raises(GanzooError, match=r"set data\.high=1"):
        load(images)
    assert levels(load(images, high=1)) == [0, 255]
    assert levels(load(images, high=255)) == [0, 1]


def test_8_bits_beside_more_stay_as_they_are(images: Path) -> None:
    put(images, 0, 4095)
    Image.new("L", (9, 9), 100).save(images / "8.png")
    assert levels(load(images)) == [0, 255, 100]


def test_a_layout_is_for_arrays(images: Path) -> None:
    put(images, 3)
    with pytest.raises(GanzooError, match=r"leave out data\.layout"):
        load(images, layout="HWC")


def test_rectangles_keep_their_shape_when_asked_to(images: Path) -> None:
    pixels = np.random.RandomState(0).randint(0, 256, (3, 16, 32)).astype(np.uint8)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(images / f"{number}.png")
    dataset = load(images, size=(16, 32))
    assert np.array_equal(np.asarray(dataset.arrays["x"])[:, 0], pixels)
    assert dataset.spec.shape == (1, 16, 32)
    assert load(images, size=(8, 16)).spec.shape == (1, 8, 16)


def test_transparent_images_can_keep_their_alpha(images: Path) -> None:
    pixels = np.random.RandomState(0).randint(0, 256, (8, 8, 4)).astype(np.uint8)
    Image.fromarray(pixels).save(images / "a.png")
    assert np.array_equal(np.asarray(load(images, channels=4).arrays["x"])[0], pixels.transpose(2, 0, 1))
