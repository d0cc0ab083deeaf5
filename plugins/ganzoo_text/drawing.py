"""Pictures of text: columns of numbered lines under headings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIZE, LEADING, MARGIN = 13, 19, 10


@cache
def font(size: int = SIZE) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and has the letters of many scripts."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def draw_columns(columns: Mapping[str, Sequence[str]], title: str = "", width: int = 460) -> Image.Image:
    """The lines of each column below its heading, all columns as wide; a line that is wider ends in an ellipsis."""
    fitted = {heading: [fit(line, width) for line in lines] for heading, lines in columns.items()}
    above = LEADING * (bool(title) + any(fitted)) + MARGIN
    rows = max(map(len, fitted.values()))
    sheet = Image.new("RGB", (len(fitted) * (width + MARGIN) + MARGIN, above + rows * LEADING + MARGIN), "white")
    draw, left = ImageDraw.Draw(sheet), MARGIN
    draw.text((left, MARGIN // 2), title, fill="black", font=font())
    for heading, lines in fitted.items():
        draw.text((left, above - LEADING), heading, fill=(110, 110, 110), font=font())
        for row, line in enumerate(lines):
            draw.text((left, above + row * LEADING), line, fill="black", font=font())
        left += width + MARGIN
    return sheet


def fit(line: str, width: int) -> str:
    """The line, shortened to this width in pixels."""
    if font().getlength(line) <= width:
        return line
    kept = len(line)
    while font().getlength(line[:kept] + "…") > width:
        kept -= max(1, kept // 50)
    return line[:kept] + "…"
