"""Pictures of samples and of training: sheets, scatter plots, loss curves, animations."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from torch import Tensor

from ganzoo.data.dataset import to_uint8
from ganzoo.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALLEST_TILE = 40
"""Images smaller than this many pixels are enlarged by a whole factor, or nobody could see them."""


def pixels_of(x: Tensor) -> np.ndarray:
    """Images `[N, C, H, W]` in [-1, 1] as uint8 `[N, H, W, C]`."""
    return to_uint8(x.detach()).permute(0, 2, 3, 1).cpu().numpy()


def to_image(pixels: np.ndarray) -> Image.Image:
    """uint8 `[H, W, C]` as a picture: 1 channel is grey, 3 are RGB, 4 RGBA; of any other number, the first three."""
    if pixels.shape[2] == 2 or pixels.shape[2] > 4:
        pixels = pixels[:, :, :3] if pixels.shape[2] > 3 else pixels[:, :, :1]
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def sheet(x: Tensor, columns: int | None = None) -> Image.Image:
    """Images `[N, C, H, W]` in [-1, 1] as one picture, row by row, with a thin margin, small ones enlarged."""
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


def scatter(fake: Tensor, real: Tensor, title: str = "") -> Image.Image:
    """Generated points `[N, 2]` over the density of real points `[M, 2]`, framed by the real ones.

    Of points with more coordinates the first two are shown; of one coordinate, both histograms.
    """
    generated, true = fake.detach().cpu().numpy(), real.detach().cpu().numpy()
    figure = new_figure(4.2, 4.2)
    axes = figure.add_subplot()
    if true.shape[1] == 1:
        low, high = true.min(), true.max()
        axes.hist(true[:, 0], bins=100, range=(low, high), density=True, color="0.75", label="real")
        axes.hist(generated[:, 0], bins=100, range=(low, high), density=True, histtype="step", label="generated")
        axes.legend(loc="upper right", fontsize=8)
    else:
        low, high = true[:, :2].min(0), true[:, :2].max(0)
        pad = 0.15 * (high - low)
        low, high = low - pad, high + pad
        counts, _, _ = np.histogram2d(true[:, 0], true[:, 1], bins=120, range=np.stack([low, high], 1))
        extent = (low[0], high[0], low[1], high[1])
        axes.imshow(np.sqrt(counts.T), origin="lower", extent=extent, cmap="Greys", aspect="auto", alpha=0.8)
        axes.scatter(generated[:, 0], generated[:, 1], s=3, color="tab:red", alpha=0.5, linewidths=0)
        axes.set_xlim(low[0], high[0])
        axes.set_ylim(low[1], high[1])
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=9)
    return render(figure)


def loss_plot(records: Sequence[Mapping[str, float]]) -> Image.Image:
    """Every logged term over the steps: the losses above, everything else below."""
    figure = new_figure(7, 5.5)
    losses, others = figure.subplots(2, 1, sharex=True)
    names = list(dict.fromkeys(name for record in records for name in record if "/" in name))
    for name in names:
        points = [(record["step"], record[name]) for record in records if name in record]
        axes = losses if name.endswith("/loss") else others
        axes.plot(*zip(*points, strict=True), label=name, linewidth=1)
    for axes in (losses, others):
        if axes.lines:
            axes.legend(fontsize=8, loc="upper right")
        axes.grid(alpha=0.3)
    losses.set_ylabel("losses")
    others.set_ylabel("other terms")
    others.set_xlabel("step")
    return render(figure)


def animation(frames: Iterable[Path], path: Path, width: int = 480) -> None:
    """Join pictures into a GIF that holds its last frame longer; nothing when there are fewer than two.

    A picture that cannot be read is left out.
    """
    pictures = []
    for frame in frames:
        try:
            with Image.open(frame) as image:
                picture = image.convert("RGB")
        except Exception:  # Pillow's decoders raise nearly every type there is on damaged files
            continue
        if picture.width > width:
            picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.BILINEAR)
        pictures.append(picture.quantize(64))
    if len(pictures) < 2:
        return
    durations = [150] * (len(pictures) - 1) + [2000]
    write(pictures[0], path, save_all=True, append_images=pictures[1:], duration=durations, loop=0)


def write(picture: Image.Image, path: Path, **options: Any) -> None:
    """Write a picture, of the kind that the file's name says, as a whole or not at all, into a folder that is there."""
    buffer = io.BytesIO()
    picture.save(buffer, format=Image.registered_extensions()[path.suffix], **options)
    write_atomically(path, buffer.getvalue(), parents=False)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches."""
    # The object interface, not pyplot: no display is needed and no global state is touched.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def render(figure: Figure) -> Image.Image:
    """A figure as a picture."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return Image.open(buffer).convert("RGB")
