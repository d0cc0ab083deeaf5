"""Decoding one image file to one square of bytes: the oddities of image files."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganzoo.data.images.decode import ORIENTATION, UPRIGHT, read_square

DAMAGED = (OSError, SyntaxError, EOFError, ValueError)
"""What Pillow raises for damaged files."""


def read(
    image: Image.Image, tmp_path: Path, name: str = "image.png", size: int = 8, channels: int = 3, **options: Any
) -> np.ndarray:
    image.save(tmp_path / name, **options)
    return read_square(tmp_path / name, size, channels)


def middle(square: np.ndarray) -> list[int]:
    return square[:, square.shape[1] // 2, square.shape[2] // 2].tolist()


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 77, [77, 77, 77]),
        ("1", 1, [255, 255, 255]),
        ("RGB", (10, 20, 30), [10, 20, 30]),
        ("RGBA", (10, 20, 30, 255), [10, 20, 30]),
        ("RGBA", (10, 20, 30, 0), [255, 255, 255]),
        ("RGBA", (0, 0, 0, 51), [204, 204, 204]),
        ("LA", (0, 51), [204, 204, 204]),
    ],
)
def test_modes_of_png(mode: str, colour: Any, expected: list[int], tmp_path: Path) -> None:
    assert middle(read(Image.new(mode, (20, 20), colour), tmp_path)) == pytest.approx(expected, abs=1)


def test_shape_and_type(tmp_path: Path) -> None:
    for channels in (1, 3):
        square = read(Image.new("RGB", (30, 20)), tmp_path, size=7, channels=channels)
        assert (square.shape, square.dtype) == ((channels, 7, 7), np.uint8)
        assert square.flags.c_contiguous


def test_grey_is_itu_r_601_luma(tmp_path: Path) -> None:
    assert middle(read(Image.new("RGB", (9, 9), (0, 255, 0)), tmp_path, channels=1)) == [150]


def test_cmyk_jpeg(tmp_path: Path) -> None:
    square = read(Image.new("CMYK", (40, 40), (0, 255, 255, 0)), tmp_path, "image.jpg")
    assert middle(square) == pytest.approx([255, 0, 0], abs=4)


@pytest.mark.parametrize("name", ["image.png", "image.tif"])
@pytest.mark.parametrize(("level", "expected"), [(0, 0), (300, 1), (32_768, 128), (65_535, 255)])
def test_16_bits_are_scaled_not_clipped(name: str, level: int, expected: int, tmp_path: Path) -> None:
    image = Image.fromarray(np.full((20, 20), level, np.uint16))
    assert middle(read(image, tmp_path, name)) == [expected] * 3


@pytest.mark.parametrize(("level", "expected"), [(0, 0), (300, 1), (32_768, 128), (65_535, 255)])
def test_16_bit_pgm_is_scaled_not_clipped(level: int, expected: int, tmp_path: Path) -> None:
    # Written by hand: older versions of Pillow can read such files but not write them.
    (tmp_path / "image.pgm").write_bytes(b"P5 20 20 65535\n" + struct.pack(">H", level) * 400)
    assert middle(read_square(tmp_path / "image.pgm", 8, 3)) == [expected] * 3


def test_16_bit_big_endian_tiff(tmp_path: Path) -> None:
    pixels = struct.pack(">4H", *[32_768] * 4)
    tags = [
        (256, 3, 2),
        (257, 3, 2),
        (258, 3, 16),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 3, 2),
        (279, 4, 8),
    ]
    entries = b"".join(
        struct.pack(">HHI", tag, kind, 1) + (struct.pack(">HH", value, 0) if kind == 3 else struct.pack(">I", value))
        for tag, kind, value in tags
    )
    header = b"MM\x00*" + struct.pack(">I", 16) + pixels
    (tmp_path / "image.tif").write_bytes(header + struct.pack(">H", len(tags)) + entries + bytes(4))
    assert middle(read_square(tmp_path / "image.tif", 4, 1)) == [128]


@pytest.mark.parametrize(("level", "expected"), [(0.5, 128), (1.0, 255), (100.0, 255), (-3.0, 0)])
def test_floating_point_tiff(level: float, expected: int, tmp_path: Path) -> None:
    image = Image.fromarray(np.full((20, 20), level, np.float32))
    assert middle(read(image, tmp_path, "image.tif", channels=1)) == [expected]


def test_floating_point_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not finite"):
        read(Image.fromarray(np.full((20, 20), np.nan, np.float32)), tmp_path, "image.tif")


def test_palette(tmp_path: Path) -> None:
    image = Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    assert middle(read(image, tmp_path)) == [200, 100, 50]


@pytest.mark.parametrize("transparency", [1, b"\xff\x00"], ids=["index", "bytes"])
def test_palette_with_transparency_lies_on_white(transparency: Any, tmp_path: Path) -> None:
    image = Image.new("P", (20, 20), 1)
    image.paste(0, (0, 0, 20, 10))
    image.putpalette([0, 0, 0, 200, 100, 50])
    square = read(image, tmp_path, transparency=transparency)
    assert square[:, 0, 0].tolist() == [0, 0, 0]
    assert square[:, -1, 0].tolist() == [255, 255, 255]


def test_rgb_png_with_a_transparent_colour_lies_on_white(tmp_path: Path) -> None:
    assert middle(read(Image.new("RGB", (9, 9), (1, 2, 3)), tmp_path, transparency=(1, 2, 3))) == [255] * 3


@pytest.mark.parametrize("name", ["image.gif", "image.webp", "image.png", "image.tif"])
def test_of_an_animation_the_first_frame_is_taken(name: str, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ((200, 0, 0), (0, 200, 0), (0, 0, 200))]
    options = {"lossless": True} if name.endswith("webp") else {}
    square = read(frames[0], tmp_path, name, save_all=True, append_images=frames[1:], **options)
    assert middle(square) == pytest.approx([200, 0, 0], abs=3)


@pytest.mark.parametrize("name", ["image.jpg", "image.png", "image.webp", "image.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, name: str, tmp_path: Path) -> None:
    upright = np.zeros((32, 32, 3), np.uint8)
    upright[:16, :16], upright[:16, 16:], upright[16:, :16] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    undo = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    stored = Image.fromarray(upright)
    if orientation != 1:
        # Every transformation is its own inverse, except for the two quarter turns, which invert each other.
        stored = stored.transpose(undo.get(orientation, UPRIGHT[orientation]))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    square = read(stored, tmp_path, name, size=32, channels=3, exif=exif).transpose(1, 2, 0)
    for y, x in ((6, 6), (6, 26), (26, 6), (26, 26)):
        assert square[y, x].tolist() == pytest.approx(upright[y, x].tolist(), abs=40)


@pytest.mark.parametrize(
    "block",
    [b"rubbish, not a TIFF header", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x04abc\0\0\0\0\0"],
    ids=["no header", "an orientation in letters"],
)
def test_a_broken_exif_block_does_not_cost_the_image(block: bytes, tmp_path: Path) -> None:
    square = read(Image.new("RGB", (20, 20), (200, 0, 0)), tmp_path, "image.jpg", exif=b"Exif\0\0" + block)
    assert middle(square) == pytest.approx([200, 0, 0], abs=4)


@pytest.mark.parametrize("shape", [(12, 20), (20, 12), (13, 20)])
def test_the_short_side_is_resized_and_the_centre_kept(shape: tuple[int, int], tmp_path: Path) -> None:
    height, width = shape
    ramp = np.zeros((height, width, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(width) * 10, np.arange(height)[:, None] * 10
    square = read(Image.fromarray(ramp), tmp_path, size=min(shape))
    # At whole pixels: of an odd number too many, one more is cut off at the right or the bottom.
    left, top = (width - min(shape)) // 2, (height - min(shape)) // 2
    assert np.array_equal(square.transpose(1, 2, 0), ramp[top : top + min(shape), left : left + min(shape)])
    assert int(square[0, 0, -1]) - int(square[0, 0, 0]) == pytest.approx(10 * (min(shape) - 1), abs=6)


@pytest.mark.parametrize("name", ["image.png", "image.jpg"])
def test_shrinking_is_antialiased(name: str, tmp_path: Path) -> None:
    stripes = np.zeros((512, 512), np.uint8)
    stripes[:, ::2] = 255
    square = read(Image.fromarray(stripes), tmp_path, name, size=16, channels=1)
    assert np.abs(square[:, :, 1:-1].astype(int) - 127).max() <= 4


def test_a_large_jpeg_keeps_its_proportions_when_decoded_at_an_eighth(tmp_path: Path) -> None:
    image = Image.new("RGB", (1601, 1003), "black")
    image.paste((250, 250, 250), (801, 0, 1601, 1003))
    square = read(image, tmp_path, "image.jpg", size=32, channels=1)
    assert square[0, :, :15].max() < 20
    assert square[0, :, 17:].min() > 230


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
def test_single_pixels_and_strips(size: tuple[int, int], tmp_path: Path) -> None:
    assert np.unique(read(Image.new("L", size, 60), tmp_path, size=64)).tolist() == [60]


@pytest.mark.parametrize(
    "name", ["image.png", "image.jpg", "image.webp", "image.gif", "image.bmp", "image.tif", "image.ppm"]
)
@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.7])
def test_a_truncated_file_is_an_error(name: str, fraction: float, tmp_path: Path) -> None:
    noise = np.random.RandomState(0).randint(0, 256, (64, 64, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, format=Image.registered_extensions()[Path(name).suffix])
    (tmp_path / name).write_bytes(stream.getvalue()[: int(fraction * len(stream.getvalue()))])
    with pytest.raises(DAMAGED):
        read_square(tmp_path / name, 8, 3)
