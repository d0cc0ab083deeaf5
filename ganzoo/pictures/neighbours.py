"""Samples beside their nearest training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ganzoo.pictures.axes import HEAD, with_heads
from ganzoo.pictures.sheets import sheet

GAP = 24
"""Pixels between blocks."""

WIDEST = 56
"""Pixels of the column of distances."""


@dataclass(frozen=True, eq=False)
class Block:
    """Rows of images `[rows * columns, C, H, W]` in [-1, 1] under a title, and the distance of each row, as text."""

    title: str
    images: Tensor
    distances: Sequence[str]


def beside_each_other(blocks: Sequence[Block], heads: Sequence[str]) -> Image.Image:
    """Blocks beside each other. heads: what the columns of images are, and the distances behind them."""
    pages = [_page(block, heads) for block in blocks]
    font = ImageFont.load_default(HEAD)
    above = HEAD + 6
    width = sum(page.width for page in pages) + GAP * (len(pages) - 1)
    whole = Image.new("RGB", (width, above + max(page.height for page in pages)), "white")
    draw, left = ImageDraw.Draw(whole), 0
    for block, page in zip(blocks, pages, strict=True):
        draw.text((left + 2, 2), block.title, fill="black", font=font)
        whole.paste(page, (left, above))
        left += page.width + GAP
    return whole


def _page(block: Block, heads: Sequence[str]) -> Image.Image:
    images = sheet(block.images, len(heads) - 1)
    page = with_heads(images, heads[:-1])
    whole = Image.new("RGB", (page.width + WIDEST, page.height), "white")
    whole.paste(page, (0, 0))
    font, draw = ImageFont.load_default(HEAD), ImageDraw.Draw(whole)
    draw.text((page.width + 4, 2), heads[-1], fill="black", font=font)
    step = images.height / len(block.distances)
    for row, text in enumerate(block.distances):
        at = page.height - images.height + (row + 0.5) * step
        draw.text((page.width + 4, at), text, fill="black", font=font, anchor="lm")
    return whole
