"""Reading and writing .wav files."""

from __future__ import annotations

import math
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganzoo.errors import GanzooError


@dataclass(frozen=True)
class Wish:
    """How sounds are to be: samples per second, samples, channels."""

    rate: int
    length: int
    channels: int = 1


def read_wave(path: Path, wish: Wish) -> tuple[Tensor, list[str]]:
    """A .wav file of any rate, channels and type as `[channels, length]` in -1..1, and what was changed, in words.

    Channels are averaged, or the only one repeated; longer sounds are cropped to their loudest part, shorter ones
    padded with silence at the end. Floats above 1 are scaled down to 1. Raises GanzooError for a file that cannot be
    read as sound, and for one without samples or with values that are not finite.
    """
    x, rate = _decoded(path)
    changed = []
    if not len(x):
        raise GanzooError(f"{path} has no samples.")
    if not np.isfinite(x).all():
        raise GanzooError(f"{path} has values that are not finite (nan or infinite).")
    peak = float(np.abs(x).max())
    if peak > 1:
        x, changed = x / peak, ["scaled down to 1"]
    if x.shape[1] != wish.channels:
        changed.append("mixed to mono" if wish.channels == 1 else "of other channels")
        x = x.mean(1, keepdims=True)
        x = np.repeat(x, wish.channels, 1)
    # Before resampling, so that a long recording takes no longer than a short one.
    needed = math.ceil(wish.length * rate / wish.rate)
    if len(x) > needed:
        changed.append("cropped to the loudest part")
        x = _loudest(x, needed)
    if rate != wish.rate:
        from scipy.signal import resample_poly

        changed.append("resampled")
        common = math.gcd(rate, wish.rate)
        # Filtering can go slightly above 1.
        x = resample_poly(x, wish.rate // common, rate // common, axis=0).clip(-1, 1)
    x = x[: wish.length]
    if len(x) < wish.length:
        changed.append("padded")
        x = np.concatenate([x, np.zeros((wish.length - len(x), wish.channels))])
    return torch.from_numpy(np.ascontiguousarray(x.T, dtype=np.float32)), changed


def _decoded(path: Path) -> tuple[np.ndarray, int]:
    """The samples of a file, float64 `[T, C]`, and their rate."""
    try:
        import soundfile
    except ImportError as error:
        raise GanzooError(f"reading {path} needs the package soundfile: pip install 'ganzoo[audio]'.") from error
    try:
        with soundfile.SoundFile(path) as file:
            return file.read(dtype="float64", always_2d=True), int(file.samplerate)
    except (soundfile.SoundFileError, OSError, RuntimeError, ValueError, TypeError) as error:
        why = " ".join(str(getattr(error, "error_string", error)).split()).rstrip(".")
        raise GanzooError(f"{path} cannot be read as sound: {why}.") from error


def _loudest(x: np.ndarray, length: int) -> np.ndarray:
    """The `length` samples of `x [T, C]` with the most energy; the first of several equal ones."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(x).sum(1))])
    start = int((energy[length:] - energy[:-length]).argmax())
    return x[start : start + length]


def write_wave(path: Path, x: Tensor, rate: int) -> None:
    """Write a sound `[C, T]` in -1..1 as 16-bit PCM."""
    values = np.rint(x.clamp(-1, 1).nan_to_num(0.0).double().numpy().T * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(x.shape[0])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.ascontiguousarray(values).tobytes())
