"""Time series of several columns and sounds: two kinds of data in folders of files, and a GAN on both."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, TwoPlayerRecipe
from ganzoo.specs import DatasetSpec, MetricSpec, ModalitySpec, Variant

RATE = 8000


def load_waves(data: Data, root: Path, split: str) -> Any:
    """240 series of 24 steps and 2 columns: a sine and its cosine, with random frequency and phase; 60 held out."""
    import torch

    from ganzoo.data.common import check_request
    from ganzoo.data.dataset import Dataset

    check_request("waves", data, split)
    generator = torch.Generator().manual_seed(1 if split == "test" else 0)
    n = 60 if split == "test" else 240
    speed, phase = 0.2 + 0.3 * torch.rand(n, 1, generator=generator), 6 * torch.rand(n, 1, generator=generator)
    angle = speed * torch.arange(24) + phase
    spec = DataSpec("waves", "tracks", (24, 2), range=(-1.0, 1.0), note={"columns": ["sine", "cosine"]})
    return Dataset({"x": torch.stack([angle.sin(), angle.cos()], -1)}, spec)


def load_beeps(data: Data, root: Path, split: str) -> Any:
    """The .wav files of the folder data.path, 16-bit mono; without a path, 240 beeps that fade, 60 held out."""
    import torch

    from ganzoo.data.common import check_request
    from ganzoo.data.dataset import Dataset
    from ganzoo.errors import GanzooError

    check_request("beeps", data, split, argument="path")
    spec = DataSpec("beeps", "recordings", (1, 256), range=(-1.0, 1.0), note={"rate": RATE})
    if data.path:
        if split == "test":
            raise GanzooError(f"{data.path} has no test split.")
        files = sorted(Path(data.path).rglob("*.wav"))
        if not files:
            raise GanzooError(f"there are no .wav files in {data.path}.")
        return Dataset({"x": torch.stack([read_wave(file, spec.shape) for file in files])}, spec)
    generator = torch.Generator().manual_seed(1 if split == "test" else 0)
    pitch = 200 + 600 * torch.rand(60 if split == "test" else 240, 1, 1, generator=generator)
    time = torch.arange(256) / RATE
    return Dataset({"x": (6.2832 * pitch * time).sin() * (-40 * time).exp()}, spec)


def read_wave(path: Path, shape: tuple[int, ...]) -> Any:
    """The samples of a 16-bit mono .wav file, `[1, T]` in [-1, 1]. Raises GanzooError for any other file."""
    import numpy as np
    import torch

    from ganzoo.errors import GanzooError

    try:
        with wave.open(str(path)) as file:
            kind = (file.getnchannels(), file.getsampwidth(), file.getnframes())
            values = np.frombuffer(file.readframes(file.getnframes()), "<i2") if kind[:2] == (1, 2) else None
    except (wave.Error, EOFError, OSError) as error:
        raise GanzooError(f"{path} cannot be read as a .wav file: {error}.") from error
    if values is None or len(values) != shape[1]:
        raise GanzooError(f"{path} must be 16-bit mono with {shape[1]} samples; it has (channels, bytes, n) {kind}.")
    return torch.from_numpy(values.astype(np.float32) / 32767)[None]


def drawn(rows: Any, height: int = 40) -> Any:
    """Curves `[K, T]` in [-1, 1], one below the other."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (2 * rows.shape[1], height * len(rows)), 255)
    for number, row in enumerate(rows.tolist()):
        middle = height * number + height / 2
        line = [(2 * at, middle - value * height * 0.45) for at, value in enumerate(row)]
        ImageDraw.Draw(image).line(line, fill=0)
    return image


def load_series(name: str) -> Any:
    import numpy as np
    import torch

    from ganzoo.errors import GanzooError
    from ganzoo.modalities import Modality

    class Series(Modality):
        example_dataset = "waves"

        def picture(self, x: Any, spec: DataSpec, **more: Any) -> Any:
            return drawn(x[:8].cpu().mT.flatten(0, 1))

        def write_folder(self, x: Any, spec: DataSpec, folder: Path, names: Any = None) -> None:
            folder.mkdir(parents=True, exist_ok=True)
            for number, values in enumerate(x.numpy()):
                name = f"{number:05d}" if names is None else names[number]
                np.savetxt(folder / f"{name}.csv", values, "%.9g", ",", header=",".join(spec.note["columns"]))

        def read(self, path: Path, spec: DataSpec) -> Any:
            if path.suffix in (".npz", ".npy"):
                return super().read(path, spec)
            files = sorted(path.rglob("*.csv")) if path.is_dir() else [path]
            try:
                x = np.stack([np.loadtxt(file, np.float32, delimiter=",", ndmin=2) for file in files])
            except (ValueError, OSError) as error:
                raise GanzooError(f"{path} cannot be read as series: {error}.") from error
            if x.shape[1:] != spec.shape:
                raise GanzooError(f"{path} has series of {x.shape[1:]}, not {spec.shape}.")
            return torch.from_numpy(x), [file.stem for file in files]

        def vectors(self, x: Any) -> Any:
            return x.float().flatten(1)

    return Series(name)


def load_audio(name: str) -> Any:
    import numpy as np
    import torch

    from ganzoo.modalities import Modality

    class Audio(Modality):
        example_dataset = "beeps"

        def picture(self, x: Any, spec: DataSpec, **more: Any) -> Any:
            return drawn(x[:8, 0].cpu())

        def write_folder(self, x: Any, spec: DataSpec, folder: Path, names: Any = None) -> None:
            folder.mkdir(parents=True, exist_ok=True)
            for number, values in enumerate(x[:, 0].numpy()):
                name = f"{number:05d}" if names is None else names[number]
                with wave.open(str(folder / f"{name}.wav"), "wb") as file:
                    file.setnchannels(1)
                    file.setsampwidth(2)
                    file.setframerate(int(spec.note["rate"]))
                    file.writeframes((values * 32767).round().astype("<i2").tobytes())

        def read(self, path: Path, spec: DataSpec) -> Any:
            if path.suffix in (".npz", ".npy"):
                return super().read(path, spec)
            files = sorted(path.rglob("*.wav")) if path.is_dir() else [path]
            return torch.stack([read_wave(file, spec.shape) for file in files]), [file.stem for file in files]

        def vectors(self, x: Any) -> Any:
            return torch.from_numpy(np.abs(np.fft.rfft(x[:, 0].float().cpu().numpy())).astype(np.float32))

        def example(self, shape: tuple[int, ...], count: int, generator: Any) -> Any:
            return torch.rand(count, *shape, generator=generator) * 2 - 1

    return Audio(name)


def loudness(samples: Any) -> dict[str, float]:
    """Difference of the mean squares of samples and of real ones."""
    real = samples.real(samples.reference).arrays["x"]
    return {"loudness": float((samples.fake.square().mean() - real.square().mean()).abs())}


def build(recipe: TwoPlayerRecipe, data: DataSpec) -> Any:
    import math

    from torch import nn

    from ganzoo.games import TwoPlayer

    width = math.prod(data.shape)
    g = nn.Sequential(nn.Linear(recipe.latent, 64), nn.ReLU(), nn.Linear(64, width), nn.Unflatten(1, data.shape))
    d = nn.Sequential(nn.Flatten(), nn.Linear(width, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1), nn.Flatten(0))
    return TwoPlayer.from_recipe(g, d, recipe, data)


@hookimpl
def ganzoo_modalities() -> list[ModalitySpec]:
    return [
        ModalitySpec("tracks", "Time series [N, T, F].", load_series),
        ModalitySpec("recordings", "Sounds [N, 1, T].", load_audio),
    ]


@hookimpl
def ganzoo_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec("waves", "Sines.", "none", "tracks", load_waves, test=True, downloads=False),
        DatasetSpec(
            "beeps",
            "Beeps, or your own .wav files.",
            "none",
            "recordings",
            load_beeps,
            argument="path",
            test=True,
            folder_endings=(".wav",),
            downloads=False,
        ),
    ]


@hookimpl
def ganzoo_metrics() -> list[MetricSpec]:
    return [MetricSpec("loudness", "Mean squares.", "none", ("tracks", "recordings"), loudness, {"loudness": "lower"})]


@hookimpl
def ganzoo_variants() -> list[Variant]:
    recipes = {name: TwoPlayerRecipe(data=Data(name=name), steps=30, batch=16, latent=8) for name in ("waves", "beeps")}
    return [Variant("signal-gan", "A GAN on series and sounds.", "none", ("tracks", "recordings"), recipes, build)]
