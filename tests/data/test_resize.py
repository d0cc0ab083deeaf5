"""Converting the size and channels of images in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.data.images.decode import read_square
from ganzoo.data.resize import CHUNK, prepare, to_channels, to_size
from ganzoo.recipes import Data


def test_grey_is_itu_r_601_luma() -> None:
    pixels = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], dtype=torch.uint8)
    assert to_channels(pixels[:, :, None, None], 1).flatten().tolist() == [76, 150, 29, 255]


def test_grey_to_rgb_repeats() -> None:
    grey = torch.randint(0, 256, (2, 1, 3, 3), dtype=torch.uint8)
    rgb = to_channels(grey, 3)
    assert rgb.shape == (2, 3, 3, 3)
    assert all(torch.equal(rgb[:, c], grey[:, 0]) for c in range(3))


def test_alpha_lies_on_white() -> None:
    rgba = torch.tensor([[0, 0, 0, 0], [100, 0, 0, 255], [0, 0, 0, 51]], dtype=torch.uint8)[:, :, None, None]
    assert to_channels(rgba, 3)[:, :, 0, 0].tolist() == [[255, 255, 255], [100, 0, 0], [204, 204, 204]]


def test_shrinking_is_antialiased() -> None:
    # One white pixel in each block of 16, at a place that plain bilinear resizing, which reads four, ignores.
    dots = torch.zeros(1, 1, 64, 64, dtype=torch.uint8)
    dots[..., ::4, ::4] = 255
    inside = to_size(dots, 16)[..., 2:-2, 2:-2].float()
    assert (inside - 255 / 16).abs().max() < 4


def test_a_flat_image_stays_flat() -> None:
    flat = torch.full((1, 3, 10, 10), 200, dtype=torch.uint8)
    assert to_size(flat, 23).unique().tolist() == [200]


def test_the_centre_square_is_kept() -> None:
    wide = torch.zeros(1, 1, 4, 12, dtype=torch.uint8)
    wide[..., 4:8] = 9
    assert torch.equal(to_size(wide, 4), torch.full((1, 1, 4, 4), 9, dtype=torch.uint8))


def test_memory_and_files_are_resized_alike(tmp_path: Path) -> None:
    colours = np.random.RandomState(0).randint(0, 256, (37, 52, 3)).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "image.png")
    given = torch.from_numpy(colours).permute(2, 0, 1)[None]
    for size in (8, 37, 64, (16, 8), (37, 52)):
        for channels in (1, 3):
            file = read_square(tmp_path / "image.png", size, channels)
            assert np.array_equal(prepare("test", given, Data(size=size, channels=channels))[0], file)


def test_resizing_is_pillows_lanczos() -> None:
    grey = np.random.RandomState(0).randint(0, 256, (40, 60)).astype(np.uint8)
    expected = Image.fromarray(grey[:, 10:50]).resize((16, 16), Image.Resampling.LANCZOS)
    assert np.array_equal(to_size(torch.from_numpy(grey)[None, None], 16)[0, 0], np.asarray(expected))


@pytest.mark.parametrize(("size", "rows", "columns"), [(4, (0, 4), (4, 8)), ((2, 4), (1, 3), (4, 8))])
def test_the_largest_central_part_of_a_shape_is_kept(size: Any, rows: Any, columns: Any) -> None:
    image = torch.arange(48, dtype=torch.uint8).reshape(1, 1, 4, 12)
    part = image[..., slice(*rows), slice(*columns)]
    assert torch.equal(to_size(image, size), part if size == 4 else to_size(image[..., 2:10], size))


def test_chunks_leave_no_seam() -> None:
    images = torch.randint(0, 256, (CHUNK + 3, 1, 4, 4), dtype=torch.uint8)
    assert torch.equal(to_size(images, 6)[-3:], to_size(images[-3:], 6))


@pytest.mark.parametrize("data", [Data(), Data(size=5, channels=3)])
def test_what_is_already_so_stays_so(data: Data) -> None:
    images = torch.randint(0, 256, (2, 3, 5, 5), dtype=torch.uint8)
    assert torch.equal(prepare("test", images, data), images)
