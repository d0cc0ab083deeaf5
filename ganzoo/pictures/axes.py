"""Pictures with texts beside their rows and above their columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

MARGIN, GAP, SIZE = 10, 8, 14
"""Pixels around the page, between groups of rows, and of the text."""

HEAD = 11
"""Pixels of the text above columns."""


def side_by_side(pictures: Sequence[Image.Image], height: int) -> Image.Image:
    """Pictures beside each other, reduced to a common height in pixels if they are higher."""
    shown = []
    for picture in pictures:
        factor = min(1.0, height / picture.height)
        size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
        shown.append(picture if factor == 1 else picture.convert("RGB").resize(size, Image.Resampling.LANCZOS))
    row = Image.new("RGB", (sum(part.width for part in shown), max(part.height for part in shown)), "white")
    left = 0
    for part in shown:
        row.paste(part, (left, 0))
        left += part.width
    return row


def with_axes(
    groups: Sequence[Sequence[Image.Image]],
    labels: Sequence[str],
    columns: Sequence[str],
    title: str,
    axis: str,
    head: str,
) -> Image.Image:
    """Groups of rows, each row a picture of as many equally wide columns, on one page.

    labels: one for each group, whose lines are at its left; head: what is above them. columns: what is above each
    column. title: the line above all; axis: what the columns' labels are, the line below it.
    """
    font = ImageFont.load_default(SIZE)
    line = SIZE + 4
    left = MARGIN + max(_width(font, text) for label in (head, *labels) for text in label.split("\n")) + GAP
    top = MARGIN + 3 * line
    wide = max(row.width for rows in groups for row in rows)
    ends = [top]
    for rows, label in zip(groups, labels, strict=True):
        ends.append(ends[-1] + max(sum(row.height for row in rows), line * len(label.split("\n"))) + GAP)
    right = max(left + wide, MARGIN + max(_width(font, text) for text in (title, axis))) + MARGIN
    page = Image.new("RGB", (right, ends[-1] - GAP + MARGIN), "white")
    draw = ImageDraw.Draw(page)
    draw.text((MARGIN, MARGIN), title, fill="black", font=font)
    draw.text((left + wide / 2, MARGIN + line), axis, fill="black", font=font, anchor="ma")
    draw.text((MARGIN, top - 4), head, fill="black", font=font, anchor="ld")
    for number, text in enumerate(columns):
        x = left + wide * (number + 0.5) / len(columns)
        draw.text((x, top - 4), text, fill="black", font=font, anchor="md")
    for rows, label, (begin, end) in zip(groups, labels, pairwise(ends), strict=True):
        y = begin
        for row in rows:
            page.paste(row, (left, y))
            y += row.height
        draw.multiline_text((MARGIN, (begin + end - GAP) / 2), label, fill="black", font=font, anchor="lm", spacing=4)
    return page


def with_heads(picture: Image.Image, heads: Sequence[str]) -> Image.Image:
    """A picture with a text of one line or more above each of its equally wide columns, shortened to their width."""
    font = ImageFont.load_default(HEAD)
    room = picture.width / len(heads)
    lines = max(len(head.split("\n")) for head in heads)
    above = lines * (HEAD + 3) + 3
    page = Image.new("RGB", (picture.width, picture.height + above), "white")
    page.paste(picture, (0, above))
    draw = ImageDraw.Draw(page)
    for number, head in enumerate(heads):
        for row, text in enumerate(head.split("\n")):
            at = ((number + 0.5) * room, 2 + row * (HEAD + 3))
            draw.text(at, shortened(text, lambda text: font.getlength(text) <= room - 3), "black", font, anchor="ma")
    return page


def shortened(text: str, fits: Callable[[str], bool]) -> str:
    """A text, or as much of its beginning as fits with dots behind it."""
    if fits(text):
        return text
    return next((short for end in range(len(text) - 1, 0, -1) if fits(short := text[:end].rstrip() + "..")), "")


def _width(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, text: str) -> int:
    return -int(-font.getlength(text) // 1)
