"""Sheets of images, and writing pictures and animations."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn.functional import interpolate

from ganzoo.data.dataset import to_uint8
from ganzoo.files.atomic import write_atomically

SMALLEST_TILE = 40
"""Images with fewer pixels per side are enlarged by an integer factor."""


def pixels_of(x: Tensor) -> np.ndarray:
    """Images `[N, C, H, W]` in [-1, 1] as uint8 `[N, H, W, C]`."""
    return to_uint8(x.detach()).permute(0, 2, 3, 1).cpu().numpy()


def to_image(pixels: np.ndarray) -> Image.Image:
    """uint8 `[H, W, C]` as a picture: 1 channel is grey, 3 are RGB, 4 RGBA; 2 show the first one, more the first 3."""
    if pixels.shape[2] == 2 or pixels.shape[2] > 4:
        pixels = pixels[:, :, :3] if pixels.shape[2] > 3 else pixels[:, :, :1]
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def sheet(x: Tensor, columns: int | None = None) -> Image.Image:
    """Images `[N, C, H, W]` in [-1, 1] as one picture, row by row, with a thin margin; small images are enlarged."""
    pixels = pixels_of(x)
    count, height, width, channels = pixels.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    factor = max(1, math.ceil(SMALLEST_TILE / min(height, width)))
    margin = 2
    cell_h, cell_w = height * factor + margin, width * factor + margin
    page = np.full((rows * cell_h + margin, columns * cell_w + margin, channels), 255, np.uint8)
    for i, tile in enumerate(pixels.repeat(factor, axis=1).repeat(factor, axis=2)):
        top, left = margin + i // columns * cell_h, margin + i % columns * cell_w
        page[top : top + height * factor, left : left + width * factor] = tile
    return to_image(page)


def sheet_below(
    x: Tensor, above: Sequence[Tensor], columns: int | None = None, below: Sequence[Tensor] = ()
) -> Image.Image:
    """A sheet of images `[N, C, H, W]` in [-1, 1], with a row of each of the `above` (as many images) over each row.

    Each of the `below` has a row under it. All are converted to the size of `x`, and to its channels or, if some of
    them are in colour, to RGB; all are enlarged alike.
    """
    columns = columns or math.ceil(math.sqrt(len(x)))
    if x.shape[1] == 1 and any(each.shape[1] > 2 for each in (*above, *below)):
        x = x.expand(-1, 3, -1, -1)
    kinds = [*(_like(each, x) for each in above), x, *(_like(each, x) for each in below)]
    rows = [kind[at : at + columns] for at in range(0, len(x), columns) for kind in kinds]
    blank = torch.ones(1, *x.shape[1:], device=x.device)
    filled = [torch.cat([row, blank.expand(columns - len(row), -1, -1, -1)]) for row in rows]
    return sheet(torch.cat(filled), columns)


def sheet_of_differences(x: Tensor, made: Tensor, captions: Sequence[str], columns: int = 8) -> Image.Image:
    """Images `[N, C, H, W]` in [-1, 1], those they are compared with, and maps of the difference, with captions below.

    A map is black where both are equal, then red, yellow and, from half of the range on, white.
    """
    height, width = x.shape[2:]
    factor = max(1, math.ceil(SMALLEST_TILE / min(height, width)))
    heat = (x.float() - made.float()).abs().mean(1, keepdim=True).clamp(0, 1) * 3
    maps = torch.cat([(heat - at).clamp(0, 1) for at in range(3)], 1) * 2 - 1
    kinds = [_like(x, maps), _like(made, maps), maps]
    left, below, margin = 88, 16, 2
    cell_h, cell_w = 3 * (height * factor + margin) + below, max(width * factor, 40) + margin
    columns = min(columns, len(x))
    page = Image.new("RGB", (left + columns * cell_w, math.ceil(len(x) / columns) * cell_h + margin), "white")
    draw = ImageDraw.Draw(page)
    for at, caption in enumerate(captions):
        top, start = margin + at // columns * cell_h, left + at % columns * cell_w
        for row, kind in enumerate(kinds):
            tile = to_image(pixels_of(kind[at : at + 1])[0])
            tile = tile.resize((width * factor, height * factor), Image.Resampling.NEAREST)
            y = top + row * (height * factor + margin)
            page.paste(tile, (start, y))
            if not at % columns:
                draw.text((4, y + height * factor // 2), ROWS[row], fill="black", anchor="lm")
        draw.text((start + width * factor // 2, top + cell_h - below + 6), caption, fill="black", anchor="mm")
    return page


ROWS = ("input", "reconstruction", "difference")


def _like(images: Tensor, x: Tensor) -> Tensor:
    images = images.to(x.device).float()
    channels = x.shape[1]
    if images.shape[1] == 4 and channels < 4:
        # On white, as a viewer shows it.
        opaque = (images[:, 3:] + 1) / 2
        images = images[:, :3] * opaque + (1 - opaque)
    if images.shape[1] != channels:
        images = images[:, :1].expand(-1, channels, -1, -1) if images.shape[1] < channels else images[:, :channels]
    return images if images.shape[2:] == x.shape[2:] else interpolate(images, x.shape[2:], mode="nearest")


def stacked(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures under each other, on white."""
    mode = "RGB" if any(picture.mode != "L" for picture in pictures) else "L"
    page = Image.new(mode, (max(p.width for p in pictures), sum(p.height for p in pictures)), "white")
    top = 0
    for picture in pictures:
        page.paste(picture, (0, top))
        top += picture.height
    return page


def animation(frames: Iterable[Path], path: Path, width: int = 480) -> None:
    """Join pictures into a GIF whose last frame is shown longer; with fewer than two, nothing is written.

    Unreadable pictures are left out.
    """
    pictures = []
    for frame in frames:
        picture = read(frame)
        if picture is None:
            continue
        if picture.width > width:
            picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.BILINEAR)
        pictures.append(picture.quantize(64))
    if len(pictures) < 2:
        return
    durations = [150] * (len(pictures) - 1) + [2000]
    write(pictures[0], path, save_all=True, append_images=pictures[1:], duration=durations, loop=0)


def read(path: Path) -> Image.Image | None:
    """A picture in a run folder, as RGB; None if it cannot be read, or has more pixels than a sheet ever has."""
    try:
        with warnings.catch_warnings():
            # A small file that unpacks to gigabytes; from twice as many pixels on, Pillow raises an error by itself.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return image.convert("RGB")
    except Exception:  # Pillow's decoders raise nearly any type of error on damaged files
        return None


SHEET = re.compile(r"\d{1,15}\.png", re.ASCII)
"""Names of sheets: the step."""


def newest_sheet(folder: Path) -> Path | None:
    """The sheet of the highest step in a folder of sheets."""
    found = [path for path in folder.iterdir() if SHEET.fullmatch(path.name)] if folder.is_dir() else []
    return max(found, key=lambda path: int(path.stem), default=None)


def write(picture: Image.Image, path: Path, **options: Any) -> None:
    """Write a picture atomically into an existing folder, in the format of the file name's extension."""
    write_atomically(path, encoded(picture, path.suffix, **options), parents=False)


def encoded(picture: Image.Image, extension: str, **options: Any) -> bytes:
    """The content of a file with this picture, in the format of the extension."""
    buffer = io.BytesIO()
    picture.save(buffer, format=Image.registered_extensions()[extension.lower()], **options)
    return buffer.getvalue()
