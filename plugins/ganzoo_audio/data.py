"""Data sets of sounds: those that are generated, and the user's own .wav files."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch

from ganzoo.data.common import check_request, refuse_image_keys
from ganzoo.data.dataset import Dataset
from ganzoo.data.own_files import find_files, read_files
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data, DataSpec

from .files import Wish, read_wave
from .speech import LENGTH, RATE

Maker = Callable[[np.ndarray, np.random.RandomState], np.ndarray]

TRAIN, TEST = 1500, 500


def generated(name: str, data: Data, split: str, make: Maker, classes: tuple[str, ...]) -> Dataset:
    """A generated data set, rounded to 16 bits as in a .wav file; classes take turns."""
    check_request(name, data, split)
    refuse_image_keys(name, data, "sounds")
    x, y = _made(make, len(classes), split)
    labelled = data.labels
    spec = DataSpec(
        name,
        "audio",
        (1, LENGTH),
        classes=len(classes) if labelled else 0,
        class_names=classes if labelled else (),
        range=(-1.0, 1.0),
        note={"rate": RATE},
    )
    return Dataset({"x": x, **({"y": y} if labelled else {})}, spec)


@cache
def _made(make: Maker, classes: int, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The sounds `[N, 1, 4096]` and labels `[N]` of a split, generated once per process."""
    count, seed = (TRAIN, 0) if split == "train" else (TEST, 1)
    labels = np.arange(count) % classes
    # NumPy guarantees the stream of RandomState; that of default_rng may change.
    sounds = np.rint(make(labels, np.random.RandomState(seed)) * 32767) / 32767
    return torch.from_numpy(sounds.astype(np.float32))[:, None], torch.from_numpy(labels)


def load_sounds(data: Data, split: str) -> Dataset:
    """The .wav files at data.path: `[C, T]` at data.rate (8 kHz), data.length samples (4,096), data.channels (1).

    Longer ones are cropped to their loudest part, shorter ones padded with silence at the end. Raises GanzooError for a
    wrong path, keys of images, and if no file can be read.
    """
    check_request("wav-folder", data, split, argument="path", length=True, rate=True)
    refuse_image_keys("wav-folder", data, "sounds", reads=("channels",))
    if data.channels not in (None, 1, 2):
        raise GanzooError(f"sounds have 1 or 2 channels, not {data.channels}: use --set data.channels=1.")
    wish = Wish(_whole(data.rate), data.length or LENGTH, data.channels or 1)
    files = find_files("wav-folder", data.path, split, (".wav",), "sounds")
    changes: dict[str, int] = {}

    def read(path: Path) -> torch.Tensor:
        x, changed = read_wave(path, wish)
        for what in changed:
            changes[what] = changes.get(what, 0) + 1
        return x

    found = read_files(files, read, "sounds")
    labelled = bool(files.class_names) and data.labels
    spec = DataSpec(
        "wav-folder",
        "audio",
        (wish.channels, wish.length),
        classes=len(files.class_names) if labelled else 0,
        class_names=files.class_names if labelled else (),
        range=(-1.0, 1.0),
        note={"rate": wish.rate},
    )
    seconds = f"{wish.length / wish.rate:.2f} s at {wish.rate:,} Hz"
    shown = [f"{count:,} {what}" for what, count in changes.items()]
    notes = [f"read as {seconds}: {', '.join(shown)}"] if shown else []
    whole = found.y() if files.labels else torch.zeros(len(found.samples), dtype=torch.int64)
    return Dataset(
        {"x": torch.stack(found.samples), **({"y": found.y()} if labelled else {})},
        spec,
        skipped=tuple(found.skipped),
        reasons=tuple(found.reasons),
        notes=(*files.notes, *notes),
        undivided=None if files.divided else whole,
    )


def _whole(rate: float | None) -> int:
    """data.rate as a whole number of samples per second. Raises GanzooError for any other and for one out of range."""
    if rate is None:
        return RATE
    if rate != int(rate) or not 1000 <= rate <= 192_000:
        raise GanzooError(f"a rate of {rate:g} is not possible: use --set data.rate=8000, or 1000 to 192000.")
    return int(rate)
