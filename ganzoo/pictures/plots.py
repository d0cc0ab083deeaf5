"""Plots: generated points over the density of real points, loss curves."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def scatter(fake: Tensor, real: Tensor, title: str = "") -> Image.Image:
    """Generated points `[N, 2]` over the density of real points `[M, 2]`; the real points set the axis limits.

    Of points with more than two coordinates, the first two are shown; for one coordinate, both histograms.
    """
    generated, true = fake.detach().cpu().numpy(), real.detach().cpu().numpy()
    figure = new_figure(4.2, 4.2)
    axes = figure.add_subplot()
    if true.shape[1] == 1:
        low, high = true.min(), true.max()
        # Fractions of all points, not densities: these divide by the number in range, and it can be 0.
        weights = [np.full(len(points), 1 / len(points)) for points in (true, generated)]
        axes.hist(true[:, 0], bins=100, range=(low, high), weights=weights[0], color="0.75", label="real")
        axes.hist(generated[:, 0], bins=100, range=(low, high), weights=weights[1], histtype="step", label="generated")
        legend_above(axes, 2)
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
    axes.set_title(plain(title), fontsize=9)
    return render(figure)


def loss_plot(records: Sequence[Mapping[str, float]]) -> Image.Image:
    """Every logged term over the steps: losses at the top, all other terms below."""
    figure = new_figure(7, 5.5)
    losses, others = figure.subplots(2, 1, sharex=True)
    names = list(dict.fromkeys(name for record in records for name in record if "/" in name))
    for name in names:
        points = [(record["step"], record[name]) for record in records if name in record]
        axes = losses if name.endswith("/loss") else others
        draw_curve(axes, points, label=name, linewidth=1)
    for axes in (losses, others):
        if axes.get_legend_handles_labels()[0]:
            legend_above(axes, len(axes.get_lines()))
        axes.grid(alpha=0.3)
    losses.set_ylabel("losses")
    others.set_ylabel("other terms")
    others.set_xlabel("step")
    return render(figure)


LARGEST = 1e30
"""matplotlib fails on axes that reach the largest numbers."""


def draw_curve(axes: Any, points: Iterable[tuple[float, float]], label: str = "", **style: Any) -> None:
    """Draw values over steps, with a gap where a value is not finite or too large to be drawn."""
    steps, values = zip(*points, strict=True)
    drawn = [value if abs(value) < LARGEST else math.nan for value in values]
    axes.plot(steps, drawn, label=plain(label), **style)


def legend_above(axes: Any, count: int) -> None:
    """A legend of so many entries above the axes, where it covers no curve."""
    axes.legend(fontsize=7, loc="lower left", bbox_to_anchor=(0, 1), ncols=min(count, 4), frameon=False, borderpad=0.2)


def plain(text: str) -> str:
    """A text that matplotlib draws as it is: no formula between dollars, and no label that is hidden."""
    text = text.replace("$", r"\$")
    return f"\u200b{text}" if text.startswith("_") else text


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of the given size in inches."""
    # The object interface, not pyplot: no display is needed and no global state is touched.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def render(figure: Figure) -> Image.Image:
    """A figure as a picture."""
    return Image.open(io.BytesIO(figure_bytes(figure, ".png"))).convert("RGB")


FIGURES = (".png", ".pdf", ".svg")
"""Endings of files that a figure is written to."""


def figure_bytes(figure: Figure, ending: str) -> bytes:
    """A figure as a file with one of these endings. The same figure gives the same bytes."""
    buffer = io.BytesIO()
    kind = ending.removeprefix(".").lower()
    # Files of lines and letters have a date otherwise.
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind)
    figure.savefig(buffer, format=kind, metadata=undated)
    return buffer.getvalue()
