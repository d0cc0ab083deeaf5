"""Converting the size and channels of images: the same arithmetic for arrays in memory and for image files."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.recipes import Data, Size

LUMA = (19_595, 38_470, 7_471)
"""Weights of red, green and blue in grey, in 65,536ths: ITU-R BT.601, as Pillow rounds them."""

CHUNK = 1024
"""Number of images converted at a time, so that the intermediate copy stays small."""

FILTER = "lanczos"
"""The filter of every resize, antialiased; scores record it in their protocols."""

MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def check_channels(name: str, channels: int | None) -> None:
    """Raise GanzooError for a number of channels that images cannot be converted to."""
    if channels not in (None, 1, 3):
        raise GanzooError(f"{name} cannot be read with {channels} channels: set data.channels to 1 (grey) or 3 (RGB).")


def height_width(size: Size) -> tuple[int, int]:
    """`data.size`, one number or two, as height and width."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def prepare(name: str, images: Tensor, data: Data) -> Tensor:
    """Convert images uint8 `[N, C, H, W]` to data.channels and data.size, where these are set.

    Channels before size, as resizing 1 channel is faster than 3. Raises GanzooError for channels other than 1 and 3,
    unless the images already have that many.
    """
    if data.channels != images.shape[1]:
        check_channels(name, data.channels)
        images = to_channels(images, data.channels or images.shape[1])
    if data.size is not None:
        images = to_size(images, data.size)
    return images.contiguous()


def to_channels(images: Tensor, channels: int) -> Tensor:
    """uint8 `[N, 1, 3 or 4, H, W]` to `[N, channels, H, W]` (1 or 3): BT.601 luma, alpha blended onto white."""
    if images.shape[1] == channels:
        return images
    if images.shape[1] == 4:
        images = _in_chunks(images, (3, *images.shape[2:]), _on_white)
    if channels == 1:
        return _in_chunks(images, (1, *images.shape[2:]), _luma) if images.shape[1] == 3 else images
    return images.expand(-1, channels, -1, -1).contiguous()


def to_size(images: Tensor, size: Size) -> Tensor:
    """uint8 `[N, C, H, W]` to `[N, C, *size]`: the central part of that shape, resized (Lanczos, antialiased)."""
    shape = height_width(size)
    if tuple(images.shape[2:]) == shape:
        return images.contiguous()
    out = torch.empty((*images.shape[:2], *shape), dtype=torch.uint8)
    for row, image in zip(out.numpy(), images.numpy(), strict=True):
        if len(image) in MODES:
            pixels = image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
            row[:] = as_array(fit(Image.fromarray(pixels), shape))
        else:
            for plane, channel in zip(row, image, strict=True):
                plane[:] = np.asarray(fit(Image.fromarray(np.ascontiguousarray(channel)), shape))
    return out


def fit(image: Image.Image, shape: tuple[int, int], *, nearest: bool = False) -> Image.Image:
    """An image resized to height and width `shape`: the largest central part of that shape, at whole pixels.

    nearest: keep the values of pixels, as in a map whose colours mean something, in place of filtering.
    """
    height, width = shape
    part_w = min(image.width, max(1, round(image.height * width / height)))
    part_h = min(image.height, max(1, round(image.width * height / width)))
    left, top = (image.width - part_w) // 2, (image.height - part_h) // 2
    # Cropped before resizing: a strip of 1 x 10,000 pixels would otherwise grow to hundreds of megabytes. A copy, as
    # Lanczos would also read what is beside the box.
    part = image.crop((left, top, left + part_w, top + part_h))
    if part.size == (width, height):
        return part
    return part.resize((width, height), Image.Resampling.NEAREST if nearest else Image.Resampling.LANCZOS)


def as_array(image: Image.Image) -> np.ndarray:
    """An 8-bit image as uint8 `[C, H, W]`."""
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _in_chunks(images: Tensor, shape: tuple[int, ...], convert: Callable[[Tensor], Tensor]) -> Tensor:
    out = torch.empty((len(images), *shape), dtype=torch.uint8)
    for at in range(0, len(images), CHUNK):
        out[at : at + CHUNK] = convert(images[at : at + CHUNK].int())
    return out


def _luma(x: Tensor) -> Tensor:
    weights = x.new_tensor(LUMA)[:, None, None]
    return (((x * weights).sum(1, keepdim=True) + 0x8000) >> 16).to(torch.uint8)


def _on_white(x: Tensor) -> Tensor:
    alpha = x[:, 3:]
    return ((x[:, :3] * alpha + 255 * (255 - alpha) + 127) // 255).to(torch.uint8)
