"""The other half of a pair, made from images: edges, grey, maps of strokes, chalk. uint8 `[N, C, H, W]` in and out."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from ganzoo.data.image_files import to_channels

CLASS_COLOURS = (
    (230, 60, 60), (245, 150, 40), (240, 220, 60), (130, 200, 60), (40, 160, 90),
    (60, 200, 200), (60, 120, 230), (120, 80, 210), (220, 90, 200), (170, 120, 90),
)  # fmt: skip
"""Colours of ten classes, far from each other and from black and white."""

BOARD, CHALK = (16, 72, 56), (255, 220, 96)
WEAK, STRONG = 0.1, 0.2
"""Thresholds of Canny's hysteresis, as fractions of the largest possible gradient."""

BLURRED = 64
"""Pixels from which images are blurred before edges are looked for, as smaller ones have no noise to speak of."""


def colours(count: int) -> list[tuple[int, int, int]]:
    """That many colours: those of ten classes, or as many hues at two levels of brightness."""
    if count <= len(CLASS_COLOURS):
        return list(CLASS_COLOURS[:count])
    found = [colorsys.hsv_to_rgb(i / count, 0.8, 1.0 if i % 2 else 0.65) for i in range(count)]
    return [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in found]


def luma(x: Tensor) -> Tensor:
    """Grey `[N, 1, H, W]`, BT.601."""
    return to_channels(x, 1)


def edges(x: Tensor) -> Tensor:
    """Dark lines on white, one pixel wide, `[N, 1, H, W]`.

    Canny 1986: gradients of the grey image (Sobel), only where they are largest across the edge, from the strong ones
    on along the weak ones that touch them. Images of at least 64 pixels are first blurred (standard deviation 1).
    """
    grey = luma(x).float() / 255
    if min(grey.shape[2:]) >= BLURRED:
        taps = torch.exp(-0.5 * torch.arange(-3, 4.0) ** 2)
        taps = (taps / taps.sum())[None, None]
        padded = functional.pad(grey, (3, 3, 3, 3), mode="reflect")
        grey = functional.conv2d(functional.conv2d(padded, taps[..., None]), taps[:, :, None])
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
    kernels = torch.stack([sobel, sobel.T])[:, None]
    across, down = functional.conv2d(functional.pad(grey, (1, 1, 1, 1), mode="replicate"), kernels).unbind(1)
    strength = torch.hypot(across, down)
    largest = _is_ridge(strength, torch.atan2(down, across))
    weak, strong = ((strength > threshold) & largest for threshold in (WEAK, STRONG))
    # Connected within an image, not from one to the next.
    touching = np.zeros((3, 3, 3), bool)
    touching[1] = True
    parts, count = ndimage.label(weak.numpy(), touching)
    kept = np.zeros(count + 1, bool)
    kept[np.unique(parts[strong.numpy()])] = True
    kept[0] = False
    return torch.from_numpy(np.where(kept[parts], 0, 255).astype(np.uint8))[:, None]


def _is_ridge(strength: Tensor, angle: Tensor) -> Tensor:
    """Where a gradient is at least as large as its two neighbours along its direction, of four."""
    height, width = strength.shape[1:]
    padded = functional.pad(strength, (1, 1, 1, 1))
    direction = torch.round(angle / (torch.pi / 4)).long() % 4
    ridge = torch.zeros_like(strength, dtype=torch.bool)
    for number, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[:, 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        behind = padded[:, 1 - dy : 1 - dy + height, 1 - dx : 1 - dx + width]
        # Of two equal neighbours, one.
        ridge |= (direction == number) & (strength >= ahead) & (strength > behind)
    return ridge


def coloured(x: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Grey images in the colour of their class, on black, `[N, 3, H, W]`."""
    colour = torch.tensor(colours(classes), dtype=torch.float32)[labels]
    return (luma(x).float() / 255 * colour[:, :, None, None]).round().to(torch.uint8)


def segments(x: Tensor, labels: Tensor | None, palette: Sequence[Sequence[int]]) -> Tensor:
    """Maps `[N, 3, H, W]`: black background, and strokes (brighter than half) in the colour of their class.

    palette: the colours of the background and of each class.
    """
    stroke = (luma(x)[:, 0] > 127).long()
    numbers = stroke if labels is None else stroke * (1 + labels[:, None, None])
    return torch.tensor(palette, dtype=torch.uint8)[numbers].permute(0, 3, 1, 2).contiguous()


def chalk(x: Tensor) -> Tensor:
    """Yellow chalk on a green board, `[N, 3, H, W]`, as bright as the strokes; from 28 pixels on, broader ones."""
    grey = luma(x).float() / 255
    broader = min(grey.shape[2:]) // 28
    grey = functional.max_pool2d(grey, 2 * broader + 1, 1, broader)
    board, stroke = (torch.tensor(colour, dtype=torch.float32)[:, None, None] for colour in (BOARD, CHALK))
    return (board + (stroke - board) * grey).round().to(torch.uint8)
