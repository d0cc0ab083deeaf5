"""Converting the size and channels of images in memory."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ganzoo.errors import GanzooError
from ganzoo.recipes import Data

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey: ITU-R BT.601."""

CHUNK = 1024
"""Number of images converted at a time, so that the floating-point copy stays small."""


def check_channels(name: str, channels: int | None) -> None:
    """Raise GanzooError for a number of channels that images cannot be converted to."""
    if channels not in (None, 1, 3):
        raise GanzooError(f"{name} cannot be read with {channels} channels: set data.channels to 1 (grey) or 3 (RGB).")


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


def to_size(images: Tensor, size: int) -> Tensor:
    """uint8 `[N, C, H, W]` to `[N, C, size, size]`: the centre square, resized (bilinear, antialiased)."""
    height, width = images.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    images = images[:, :, top : top + side, left : left + side]
    if side == size:
        return images.contiguous()
    return _in_chunks(
        images, (images.shape[1], size, size), lambda x: interpolate(x, (size, size), mode="bilinear", antialias=True)
    )


def _in_chunks(images: Tensor, shape: tuple[int, ...], convert: Callable[[Tensor], Tensor]) -> Tensor:
    out = torch.empty((len(images), *shape), dtype=torch.uint8)
    for at in range(0, len(images), CHUNK):
        out[at : at + CHUNK] = convert(images[at : at + CHUNK].float()).round_().clamp_(0, 255)
    return out


def _luma(x: Tensor) -> Tensor:
    return torch.einsum("nchw,c->nhw", x, x.new_tensor(LUMA))[:, None]


def _on_white(x: Tensor) -> Tensor:
    alpha = x[:, 3:] / 255
    return x[:, :3] * alpha + 255 * (1 - alpha)
