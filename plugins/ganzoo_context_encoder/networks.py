"""The context encoder's generator, and what surrounds it: holes, windows around them, and what stays."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from ganzoo.errors import GanzooError
from ganzoo.networks import ConvEncoder, ConvGenerator

COLOURS = 3
NOTHING = "there is nothing to repair, as no pixel is transparent: erase the parts in an image editor, and save as PNG."


def hole_of(source: Tensor) -> Tensor:
    """1 where images `[N, 4, H, W]`, RGBA in [-1, 1], are transparent, else 0: `[N, 1, H, W]`."""
    return (source[:, COLOURS:] < 0).to(source.dtype)


def visible(source: Tensor, channels: int) -> Tensor:
    """The colours of RGBA images, with the mean of the others in the hole: `[N, channels, H, W]`, 1 (grey) or 3."""
    colours, known = source[:, :channels], 1 - hole_of(source)
    mean = (colours * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp(min=1)
    return colours * known + mean * (1 - known)


def pasted(x: Tensor, source: Tensor) -> Tensor:
    """Images `[N, C, H, W]` inside the hole, and what is known of the RGBA images `[N, 4, H, W]` around it."""
    hole = hole_of(source)
    return x * hole + source[:, : x.shape[1]] * (1 - hole)


def border(hole: Tensor, width: int) -> Tensor:
    """1 in the pixels around holes `[N, 1, H, W]` that are at most `width` away, else 0."""
    return max_pool2d(hole, 2 * width + 1, 1, width) - hole


class Generator(nn.Module):
    """RGBA images `[N, 4, H, W]` with transparent holes to whole images `[N, C, H, W]` in [-1, 1].

    Strided convolutions to `bottleneck` numbers, and transposed ones back: nothing goes around these. It sees the
    colours, with the mean in the hole, and the hole.
    """

    def __init__(self, shape: tuple[int, ...], bottleneck: int, width: int) -> None:
        super().__init__()
        self.channels = shape[0]
        self.encoder = ConvEncoder((shape[0] + 1, *shape[1:]), bottleneck, width)
        self.decoder = ConvGenerator(bottleneck, shape, width)

    def forward(self, source: Tensor) -> Tensor:
        seen = torch.cat([visible(source, self.channels), hole_of(source)], 1)
        image: Tensor = self.decoder(self.encoder(seen))
        return image


@torch.no_grad()
def repaired(generator: nn.Module, image: Tensor, shape: tuple[int, ...]) -> Tensor:
    """An RGBA image `[4, H, W]` of any size with its holes filled, `[C, H, W]`, by a network for images of `shape`.

    Around each hole, the window is taken that is twice as high and wide, resized to what the network was trained on,
    and back; all other pixels stay. Raises GanzooError for an image without a hole, and for one that is all hole.
    """
    from scipy import ndimage

    channels, high, wide = shape
    hole = hole_of(image[None])[0, 0]
    if not hole.any():
        raise GanzooError(NOTHING)
    if hole.all():
        raise GanzooError("all pixels are transparent: leave something around the holes.")
    numbered, _ = ndimage.label(hole.cpu().numpy(), structure=torch.ones(3, 3).numpy())
    made = visible(image[None], channels)[0]
    for number, (rows, columns) in enumerate(ndimage.find_objects(numbered), 1):
        top, bottom, left, right = window(rows, columns, tuple(image.shape[1:]), wide / high)
        part = image[None, :, top:bottom, left:right]
        size = part.shape[2:]
        larger = max(size) > max(high, wide)
        # The hole is kept apart, so that its edge stays sharp and its colours stay out of the others.
        colours = interpolate(made[None, :, top:bottom, left:right], (high, wide), mode="bilinear", antialias=larger)
        missing = interpolate(hole_of(part), (high, wide), mode="bilinear", antialias=larger) > 0.05
        known = torch.where(missing, -1.0, 1.0)
        given = torch.cat([colours.expand(-1, COLOURS, -1, -1), known], 1)
        filled = interpolate(generator(given), size, mode="bicubic").clamp(-1, 1)[0]
        here = torch.from_numpy(numbered[top:bottom, left:right] == number).to(image.device)
        made[:, top:bottom, left:right] = torch.where(here, filled, made[:, top:bottom, left:right])
    return made


def window(rows: slice, columns: slice, size: tuple[int, ...], ratio: float) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of twice the box of a hole, in the proportions `ratio` (width by height).

    It is moved and, if need be, cut to be inside an image of `size`.
    """
    height = 2 * max(rows.stop - rows.start, round((columns.stop - columns.start) / ratio), 2)
    edges = []
    for box, length, whole in zip((rows, columns), (height, round(height * ratio)), size, strict=True):
        length = min(length, whole)
        start = min(max((box.start + box.stop - length) // 2, 0), whole - length)
        edges += [start, start + length]
    return edges[0], edges[1], edges[2], edges[3]
