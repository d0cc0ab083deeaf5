"""Video: a kind of data of rank 5, written as .gif files, and a GAN of 3-D convolutions on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, TwoPlayerRecipe
from ganzoo.specs import DatasetSpec, MetricSpec, ModalitySpec, Variant


def load(data: Data, root: Path, split: str) -> Any:
    """120 clips of 4 frames of 8x8: a bright square that moves to the right; 40 held out."""
    import torch

    from ganzoo.data.common import check_request
    from ganzoo.data.dataset import Dataset

    check_request("squares", data, split)
    generator = torch.Generator().manual_seed(1 if split == "test" else 0)
    n = 40 if split == "test" else 120
    x = torch.full((n, 1, 4, 8, 8), -1.0)
    rows, columns = (torch.randint(0, most, (n,), generator=generator).tolist() for most in (6, 3))
    for clip, (row, column) in enumerate(zip(rows, columns, strict=True)):
        for frame in range(4):
            x[clip, 0, frame, row : row + 2, column + frame : column + frame + 2] = 1
    return Dataset({"x": x}, DataSpec("squares", "clips", (1, 4, 8, 8), note={"fps": 4}))


def load_modality(name: str) -> Any:
    import numpy as np
    import torch
    from PIL import Image, ImageSequence

    from ganzoo.errors import GanzooError
    from ganzoo.modalities import Modality

    class Video(Modality):
        example_dataset = "squares"

        def frames(self, clip: Any) -> list[Any]:
            values = ((clip[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
            return [Image.fromarray(frame.numpy()) for frame in values]

        def picture(self, x: Any, spec: DataSpec, **more: Any) -> Any:
            _, t, h, w = spec.shape
            sheet = Image.new("L", (t * w, min(len(x), 8) * h))
            for row, clip in enumerate(x[:8].cpu()):
                for column, frame in enumerate(self.frames(clip)):
                    sheet.paste(frame, (column * w, row * h))
            return sheet.resize((4 * sheet.width, 4 * sheet.height), Image.Resampling.NEAREST)

        def write_folder(self, x: Any, spec: DataSpec, folder: Path, names: Any = None) -> None:
            folder.mkdir(parents=True, exist_ok=True)
            for number, clip in enumerate(x):
                name = f"{number:05d}" if names is None else names[number]
                first, *others = self.frames(clip)
                wait = round(1000 / spec.note["fps"])
                # Without this, frames that are equal to those before them are left out.
                first.save(folder / f"{name}.gif", save_all=True, append_images=others, duration=wait, disposal=1)

        def read(self, path: Path, spec: DataSpec) -> Any:
            if path.suffix in (".npz", ".npy"):
                return super().read(path, spec)
            files = sorted(path.rglob("*.gif")) if path.is_dir() else [path]
            clips = []
            for file in files:
                try:
                    with Image.open(file) as gif:
                        frames = [frame.convert("L") for frame in ImageSequence.Iterator(gif)]
                except OSError as error:
                    raise GanzooError(f"{file} cannot be read as a clip: {error}.") from error
                values = np.stack([np.asarray(frame) for frame in frames]).astype(np.float32)
                clips.append(torch.from_numpy(values)[None] / 127.5 - 1)
            if not clips or any(tuple(clip.shape) != spec.shape for clip in clips):
                raise GanzooError(f"{path} must hold clips of the shape {spec.shape}.")
            return torch.stack(clips), [file.stem for file in files]

        def example(self, shape: tuple[int, ...], count: int, generator: Any) -> Any:
            return torch.rand(count, *shape, generator=generator) * 2 - 1

    return Video(name)


def motion(samples: Any) -> dict[str, float]:
    def change(x: Any) -> float:
        return float((x[:, :, 1:] - x[:, :, :-1]).abs().mean())

    return {"motion": abs(change(samples.fake) - change(samples.real(samples.reference).arrays["x"]))}


def build(recipe: TwoPlayerRecipe, data: DataSpec) -> Any:
    from torch import nn

    from ganzoo.games import TwoPlayer

    g = nn.Sequential(
        nn.Linear(recipe.latent, 16 * 2 * 4 * 4),
        nn.Unflatten(1, (16, 2, 4, 4)),
        nn.ReLU(),
        nn.ConvTranspose3d(16, 1, 4, 2, 1),
        nn.Tanh(),
    )
    d = nn.Sequential(
        nn.Conv3d(1, 16, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(16 * 2 * 4 * 4, 1), nn.Flatten(0)
    )
    return TwoPlayer.from_recipe(g, d, recipe, data)


@hookimpl
def ganzoo_modalities() -> list[ModalitySpec]:
    return [ModalitySpec("clips", "Clips [N, C, T, H, W].", load_modality)]


@hookimpl
def ganzoo_datasets() -> list[DatasetSpec]:
    return [DatasetSpec("squares", "Squares that move.", "none", "clips", load, test=True, downloads=False)]


@hookimpl
def ganzoo_metrics() -> list[MetricSpec]:
    return [MetricSpec("motion", "Change between frames.", "none", ("clips",), motion, {"motion": "lower"})]


@hookimpl
def ganzoo_variants() -> list[Variant]:
    recipes = {"squares": TwoPlayerRecipe(data=Data(name="squares"), steps=30, batch=16, latent=8)}
    return [Variant("clip-gan", "A GAN on video, of 3-D convolutions.", "none", ("clips",), recipes, build)]
