"""A walk through a run's latent space as an animation without a seam."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganzoo.api.reals import real_samples
from ganzoo.errors import GanzooError
from ganzoo.game import has_latent
from ganzoo.machine.seeds import mixed_seed
from ganzoo.pictures.videos import require_av, write_video
from ganzoo.runs.run import Run
from ganzoo.runs.sampling import on_host, sampling
from ganzoo.runs.walks import loop, swing
from ganzoo.zoo import registry

ENDINGS = (".gif", ".mp4")

LEGS = 4
"""Latents that each sample passes before it returns to where it began."""

SMOOTH, PLOTTED = (24, 24.0), (12, 12.0)
"""Frames from one latent to the next, and frames per second: of pictures of samples, and of plots, which take longer to
draw."""

SHOWN, POOLED = 16, 512
"""Samples in each frame by default, where the picture shows each apart or all in one plot."""


def walk_file(
    run: Run, target: Path, count: int | None, labels: list[int] | None, seed: int, vary: int | None
) -> bytes:
    """The content of a .gif or .mp4 file in which samples change as their latents move and come back.

    count: samples in each frame. labels: of the samples in turn. vary: the coordinate to move, instead of all. Raises
    GanzooError for a kind of data without pictures, a variant without latent vectors, and a missing av.
    """
    require_av(target)
    gan: Any = run.gan
    modality = registry.modality(run.data.modality)
    if not modality.has_picture:
        raise GanzooError(f"{modality.name} data have no picture: leave --to {target} out and use --npz FILE.")
    if not has_latent(gan):
        raise GanzooError(f"{run.info['variant']!r} has no latent vectors to walk between.")
    frames, rate = SMOOTH if modality.shows_samples_apart else PLOTTED
    count = count or (SHOWN if modality.shows_samples_apart else POOLED)
    y = run.labels(count, labels)
    with sampling(gan, torch.device("cpu")):
        torch.manual_seed(mixed_seed("walk", seed))
        path = loop(gan, count, LEGS, frames) if vary is None else swing(gan, vary, count, LEGS * frames)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"walk{target.suffix}"
            write_video(file, _drawn(run, gan, path, y, seed), rate)
            return file.read_bytes()


def _drawn(run: Run, gan: Any, path: Tensor, y: Tensor | None, seed: int) -> Iterator[np.ndarray]:
    """The frames, uint8 `[H, W, C]`."""
    modality = registry.modality(run.data.modality)
    real = real_samples(run, modality.real_in_picture)
    for z in path:
        # A network that draws noise draws the same for each frame.
        torch.manual_seed(mixed_seed("walk", seed))
        x = on_host(gan.generate(z, y), run.data.range)
        if real is None and modality.real_in_picture:
            # The first frame stands in for real samples, so that the axes stay where they are.
            real = x
        picture = modality.picture(x, run.data, real=real)
        assert picture is not None
        yield _pixels(picture)


def _pixels(picture: Image.Image) -> np.ndarray:
    pixels = np.asarray(picture if picture.mode in ("L", "RGB") else picture.convert("RGB"))
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
