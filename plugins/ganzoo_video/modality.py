"""Clips `[N, C, T, H, W]` in -1..1: shown as filmstrips, written to .gif and .mp4 files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool3d

from ganzoo.data.dataset import as_input, to_uint8
from ganzoo.data.own_files import find_files
from ganzoo.modalities import Modality
from ganzoo.pictures.plots import new_figure, render
from ganzoo.pictures.videos import write_video
from ganzoo.recipes import Data, DataSpec, Size

from .files import ENDINGS, Wish, pixels, read_clips

if TYPE_CHECKING:
    from PIL.Image import Image

STRIPS = 10
"""Clips in a sheet."""

USUAL_RATE = 8.0


class Video(Modality):
    """Clips, drawn as filmstrips beside real ones."""

    quick_metrics = ("video-fd", "video-motion")
    criteria = ("video-fd", "video-motion")
    real_in_picture = STRIPS
    file_endings = (".mp4", ".gif")
    example_shapes = ((1, 8, 16, 16), (3, 6, 8, 12))
    example_range = (-1.0, 1.0)

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
        """A clip in each row, frame by frame; real ones on the left, the others on the right."""
        panels = {title or "generated": x[:STRIPS]}
        # Training data are passed as both.
        if real is not None and real is not x:
            panels = {"real": real[: len(panels[title or "generated"])]}
            panels[f"generated, {title}" if title else "generated"] = x[:STRIPS]
        _, frames, height, width = spec.shape
        rows = len(next(iter(panels.values())))
        wide = max(3.0, min(7.0, 0.45 * frames))
        figure = new_figure(wide * len(panels) + 0.4, wide * rows * height / (frames * width) + 0.8)
        for axes, (name, clips) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
            page = _page(pixels(clips.detach()))
            if page.shape[2] == 1:
                axes.imshow(page[:, :, 0], cmap="gray", vmin=0, vmax=255, aspect="equal", interpolation="nearest")
            else:
                axes.imshow(page, aspect="equal", interpolation="nearest")
            step_x, step_y = page.shape[1] / frames, page.shape[0] / rows
            axes.set_xticks([step_x * (k + 0.5) for k in range(frames)], range(1, frames + 1), fontsize=6)
            named = spec.class_names if columns and len(spec.class_names) >= rows else ()
            axes.set_yticks([step_y * (k + 0.5) for k in range(rows)] if named else [], named[:rows], fontsize=7)
            axes.set_xlabel(f"frame, {_rate(spec):g} per second", fontsize=8)
            axes.set_ylabel("class" if named else "a clip in each row", fontsize=8)
            axes.set_title(name, fontsize=9)
        return render(figure)

    def sheet_size(self, classes: int) -> tuple[int, int | None]:
        """One clip of each class, of ten classes at most; ten without classes."""
        return (min(classes, STRIPS), min(classes, STRIPS)) if classes else (STRIPS, None)

    def array(self, x: Tensor) -> np.ndarray:
        """uint8 `[N, C, T, H, W]`."""
        return to_uint8(x).numpy()

    def write_folder(self, x: Tensor, spec: DataSpec, folder: Path, names: Sequence[str] | None = None) -> None:
        """A .gif file per clip."""
        digits = max(5, len(str(len(x) - 1)))
        for number, frames in enumerate(pixels(x)):
            path = folder / f"{f'{number:0{digits}d}' if names is None else names[number]}.gif"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(path, frames, _rate(spec))

    def write_file(self, x: Tensor, spec: DataSpec, path: Path, labels: Tensor | None = None) -> None:
        """All clips in one .mp4 or .gif file, one after the other."""
        write_video(path, pixels(x).reshape(-1, *pixels(x[:1]).shape[2:]), _rate(spec))

    def read(self, path: Path, spec: DataSpec) -> tuple[Tensor, list[str]]:
        """Clips from a video, a folder of videos or a .npz file, converted to the size and channels of `spec`."""
        if path.suffix in (".npz", ".npy"):
            return super().read(path, spec)
        files = find_files("video-folder", str(path), "train", ENDINGS, "videos")
        wish = Wish(*spec.shape)
        clips, names = [], []
        # In the order of their names: without classes.
        for name in sorted(files.names):
            found, _ = read_clips(files.base / name, wish)
            clips.append(found)
            stem = str(Path(name).with_suffix(""))
            names += [stem] if len(found) == 1 else [f"{stem}-{k}" for k in range(len(found))]
        return as_input(torch.cat(clips)), names

    def folder_data(self, folder: Path, spec: DataSpec) -> tuple[Data, str]:
        channels, frames, height, width = spec.shape
        size: Size = height if height == width else (height, width)
        return Data(name="video-folder", path=str(folder), length=frames, size=size, channels=channels), ""

    def default_samples(self, train: int, test: int) -> int:
        """As for images: 10,000, or the size of the larger split if that is smaller, but at least 1,000."""
        return min(10_000, max(1_000, train, test))

    def vectors(self, x: Tensor) -> Tensor:
        """Clips averaged down to at most 6 frames of 8x8."""
        _, _, frames, height, width = x.shape
        sides = min(6, frames), min(8, height), min(8, width)
        return adaptive_avg_pool3d(x.float().nan_to_num(0.0, 0.0, 0.0), sides).flatten(1)

    def example(self, shape: tuple[int, ...], count: int, generator: torch.Generator) -> Tensor:
        return torch.randint(256, (count, *shape), generator=generator, dtype=torch.uint8)


GAP = 4
"""Pixels between two frames."""


def _page(clips: np.ndarray) -> np.ndarray:
    """Frames uint8 `[N, T, H, W, C]` in one array, a clip in each row."""
    framed = np.pad(clips, ((0, 0), (0, 0), (GAP // 2, GAP // 2), (GAP // 2, GAP // 2), (0, 0)), constant_values=128)
    n, t, h, w, c = framed.shape
    return framed.transpose(0, 2, 1, 3, 4).reshape(n * h, t * w, c)


def _rate(spec: DataSpec) -> float:
    """Frames per second."""
    return float(spec.note.get("fps", USUAL_RATE))
