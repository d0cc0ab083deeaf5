"""Pictures: value mapping, sheets, scatter plots, loss curves, animations."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.pictures import sheets
from ganzoo.pictures.plots import loss_plot, scatter


def test_minus_one_to_one_becomes_0_to_255_with_channels_last() -> None:
    x = torch.tensor([-1.0, 0.0, 1.0, 7.0, -7.0, 1 / 255]).view(1, 1, 2, 3)
    pixels = sheets.pixels_of(x)
    assert pixels.shape == (1, 2, 3, 1)
    assert pixels.dtype == np.uint8
    assert pixels.flatten().tolist() == [0, 128, 255, 255, 0, 128]


def test_stored_images_survive_the_way_to_floats_and_back() -> None:
    from ganzoo.data.dataset import as_input

    stored = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert np.array_equal(sheets.pixels_of(as_input(stored))[0, :, :, 0], stored[0, 0].numpy())


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (4, "RGBA"), (5, "RGB")])
def test_any_number_of_channels_has_a_picture(channels: int, mode: str) -> None:
    assert sheets.to_image(np.zeros((4, 6, channels), np.uint8)).mode == mode
    assert sheets.to_image(np.zeros((4, 6, channels), np.uint8)).size == (6, 4)


def test_a_sheet_is_square_or_has_the_columns_it_is_given() -> None:
    x = torch.zeros(9, 3, 40, 40)
    assert sheets.sheet(x).size == (3 * 42 + 2, 3 * 42 + 2)
    assert sheets.sheet(x, columns=9).size == (9 * 42 + 2, 42 + 2)
    assert sheets.sheet(x, columns=4).size == (4 * 42 + 2, 3 * 42 + 2)


def test_a_sheet_reads_row_by_row_and_its_rest_is_white() -> None:
    x = torch.stack([torch.full((1, 40, 40), value) for value in (-1.0, 0.0, 1.0)])
    page = np.asarray(sheets.sheet(x, columns=2))
    assert [page[20, 20], page[20, 62], page[62, 20], page[62, 62]] == [0, 128, 255, 255]
    assert page[0, 0] == 255


def test_small_images_are_enlarged_by_a_whole_factor() -> None:
    page = np.asarray(sheets.sheet(torch.tensor([[-1.0, 1.0], [1.0, -1.0]]).view(1, 1, 2, 2)))
    assert page.shape == (44, 44)
    assert (page[2:22, 2:22] == 0).all()
    assert (page[2:22, 22:42] == 255).all()


@pytest.mark.parametrize("dims", [1, 2, 5])
def test_points_of_any_number_of_coordinates_have_a_picture(dims: int) -> None:
    picture = scatter(torch.randn(50, dims), torch.randn(200, dims), "title")
    assert picture.mode == "RGB"
    assert np.asarray(picture).std() > 0


def test_generated_points_are_drawn() -> None:
    real = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    near, far = scatter(torch.zeros(50, 2), real), scatter(torch.full((50, 2), 1e6), real)

    def reds(picture: Image.Image) -> int:
        pixels = np.asarray(picture).astype(int)
        return int(((pixels[:, :, 0] - pixels[:, :, 1]) > 60).sum())

    assert reds(near) > 0
    assert reds(far) == 0


@pytest.mark.filterwarnings("ignore:Attempting to set identical")
def test_points_that_are_all_the_same_have_a_picture() -> None:
    assert scatter(torch.zeros(5, 2), torch.zeros(5, 2)).size[0] > 0


@pytest.mark.filterwarnings("error")
def test_samples_beyond_all_real_values_have_a_picture() -> None:
    assert scatter(torch.full((5, 1), 9.0), torch.rand(50, 1)).size[0] > 0


def test_a_loss_plot_takes_terms_that_come_and_go() -> None:
    records = [{"step": 1, "d/loss": 1.0}, {"step": 2, "d/loss": 0.5, "r1/loss": 2.0}, {"step": 3, "d/real": 0.1}]
    assert loss_plot(records).size[0] > 0
    assert loss_plot([{"step": 1, "d/loss": 1.0}]).size[0] > 0


def frames(folder: Path, count: int, width: int = 30) -> list[Path]:
    paths = []
    for number in range(count):
        path = folder / f"{number}.png"
        Image.new("RGB", (width, 20), (number * 60, 0, 0)).save(path)
        paths.append(path)
    return paths


def test_an_animation_has_every_frame_and_holds_the_last(tmp_path: Path) -> None:
    sheets.animation(frames(tmp_path, 3), tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as animation:
        assert animation.n_frames == 3
        durations = []
        for number in range(3):
            animation.seek(number)
            durations.append(animation.info["duration"])
    assert durations == [150, 150, 2000]


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_frames_are_no_animation(tmp_path: Path, count: int) -> None:
    sheets.animation(frames(tmp_path, count), tmp_path / "a.gif")
    assert not (tmp_path / "a.gif").exists()


def test_wide_frames_are_made_narrower(tmp_path: Path) -> None:
    sheets.animation(frames(tmp_path, 2, width=960), tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as animation:
        assert animation.size == (480, 10)


@pytest.mark.parametrize("side", [10_000, 30_000])
def test_a_picture_of_too_many_pixels_is_left_out(side: int, tmp_path: Path) -> None:
    """Pillow warns of one, and refuses the other."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sheets.read(tmp_path / "bomb.png") is None
        sheets.animation([tmp_path / "bomb.png"] * 2, tmp_path / "x.gif")
    assert not (tmp_path / "x.gif").exists()
