"""Sounds `[N, C, T]` in -1..1: shown as spectrograms, written to .wav files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.own_files import find_files
from ganzoo.errors import GanzooError
from ganzoo.modalities import Modality
from ganzoo.pictures.plots import new_figure, render
from ganzoo.recipes import Data, DataSpec

from .files import Wish, read_wave, write_wave
from .spectrogram import QUIETEST, log_mel

if TYPE_CHECKING:
    from PIL.Image import Image

BANDS = 40
WIDEST = 10
"""Columns of a sheet."""

ROWS = 4


class Audio(Modality):
    """Sounds, drawn as log-mel spectrograms beside real ones."""

    example_shapes = ((1, 512), (2, 1024))
    example_range = (-1.0, 1.0)
    quick_metrics = ("audio-is", "audio-fd", "audio-spectrum")
    criteria = ("audio-fd", "audio-spectrum")
    real_in_picture = ROWS * WIDEST

    def picture(
        self,
        x: Tensor,
        spec: DataSpec,
        *,
        real: Tensor | None = None,
        columns: int | None = None,
        title: str = "",
        given: Mapping[str, Tensor] | None = None,
    ) -> Image:
        """Spectrograms in rows, real ones on the left, the others on the right."""
        columns = min(columns or 8, WIDEST, len(x))
        rate = int(spec.note.get("rate", 8000))
        panels = {title or "generated": x}
        # Training data are passed as both.
        if real is not None and real is not x:
            panels = {"real": real[: len(x)], f"generated, {title}" if title else "generated": x}
        rows = -(-len(x) // columns)
        width = min(7.0, 0.8 * columns) + 0.6
        figure = new_figure(width * len(panels), 0.62 * rows + 1.0)
        every = figure.subplots(1, len(panels), squeeze=False)[0]
        shown: Any = None
        for axes, (name, sounds) in zip(every, panels.items(), strict=True):
            page = _page(log_mel(sounds.detach().cpu(), rate, BANDS, 0.008), columns, rows)
            shown = axes.imshow(page, origin="upper", cmap="magma", vmin=QUIETEST, vmax=0, aspect="auto")
            _label(axes, page, spec, columns, rows, rate)
            axes.set_title(name, fontsize=9)
        figure.colorbar(shown, ax=list(every), label="dB", fraction=0.03, pad=0.01)
        return render(figure)

    def sheet_size(self, classes: int) -> tuple[int, int | None]:
        """Four of each class, of ten classes at most; 32 without classes."""
        columns = min(classes, WIDEST) if classes else None
        return ROWS * (columns or 8), columns

    def write_folder(self, x: Tensor, spec: DataSpec, folder: Path, names: Sequence[str] | None = None) -> None:
        """A 16-bit .wav file per sound."""
        digits = max(5, len(str(len(x) - 1)))
        for number, sound in enumerate(x):
            path = folder / f"{f'{number:0{digits}d}' if names is None else names[number]}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_wave(path, sound, int(spec.note.get("rate", 8000)))

    def read(self, path: Path, spec: DataSpec) -> tuple[Tensor, list[str]]:
        """Sounds from a .wav file, a folder or a .npz file, converted to the rate, length and channels of `spec`."""
        if path.suffix in (".npz", ".npy"):
            return super().read(path, spec)
        files = find_files("wav-folder", str(path), "train", (".wav",), "sounds")
        channels, length = spec.shape
        wish = Wish(int(spec.note.get("rate", 8000)), length, channels)
        # In the order of their names: without classes.
        names = sorted(files.names)
        x = torch.stack([read_wave(files.base / name, wish)[0] for name in names])
        return x, [str(Path(name).with_suffix("")) for name in names]

    def folder_data(self, folder: Path, spec: DataSpec) -> tuple[Data, str]:
        if not spec.note.get("rate"):
            raise GanzooError(f"{spec.name} does not say how many samples a second has: compare with another data set.")
        channels, length = spec.shape
        return Data(name="wav-folder", path=str(folder), length=length, rate=spec.note["rate"], channels=channels), ""

    def default_samples(self, train: int, test: int) -> int:
        """As for images: 10,000, or the size of the larger split if that is smaller, but at least 1,000."""
        return min(10_000, max(1_000, train, test))

    def vectors(self, x: Tensor) -> Tensor:
        """Log-mel spectrograms of 16 bands, one frame in 32 ms at 8 kHz."""
        return log_mel(x.detach(), 8000, 16, 0.032).flatten(1) / 10

    def example(self, shape: tuple[int, ...], count: int, generator: torch.Generator) -> Tensor:
        return torch.rand(count, *shape, generator=generator) * 2 - 1


GAP = 2
"""Pixels between two spectrograms."""


def _page(decibels: Tensor, columns: int, rows: int) -> np.ndarray:
    """Spectrograms `[N, bands, frames]` in one array, row by row, high frequencies up; NaN where there are none."""
    _, bands, frames = decibels.shape
    page = np.full((rows * (bands + GAP) - GAP, columns * (frames + GAP) - GAP), np.nan, dtype=np.float32)
    for number, values in enumerate(decibels[: rows * columns].flip(1).numpy()):
        top, left = number // columns * (bands + GAP), number % columns * (frames + GAP)
        page[top : top + bands, left : left + frames] = values
    return page


def _label(axes: Any, page: np.ndarray, spec: DataSpec, columns: int, rows: int, rate: int) -> None:
    """What a spectrogram's axes are, and with a class in each column, their names."""
    cell = (page.shape[1] + GAP) / columns
    seconds = spec.shape[-1] / rate
    named = spec.class_names if len(spec.class_names) == columns else ()
    axes.set_xticks([cell * (k + 0.5) for k in range(columns)] if named else [])
    if named:
        axes.set_xticklabels(named, fontsize=7)
    axes.set_yticks([])
    axes.set_xlabel(f"time, {seconds:.2g} s each", fontsize=8)
    axes.set_ylabel(f"frequency, 0 to {rate / 2000:g} kHz each (mel scale)", fontsize=8)
