"""Log-mel spectrograms."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

QUIETEST = -80.0
"""dB below the loudest possible sine that are shown as silence."""

WINDOW = 0.032
"""Seconds of a window."""


def log_mel(x: Tensor, rate: int, bands: int = 32, hop: float = 0.016) -> Tensor:
    """Sounds `[N, C, T]` to log-mel spectrograms `[N, bands, frames]`, -80 to 0 dB; 0 is a sine of amplitude 1.

    Channels are averaged. hop: seconds between two frames. Frequencies are in the first bands low.
    """
    mono = x.float().nan_to_num(0.0, 0.0, 0.0).mean(1)
    step = max(1, round(hop * rate))
    size = min(2 ** round(math.log2(WINDOW * rate)), 2 ** int(math.log2(max(16, mono.shape[1]))))
    window = torch.hann_window(size, device=mono.device)
    # Frames are centred on their hops; the ends are padded with silence.
    padded = torch.nn.functional.pad(mono, (size // 2, size // 2))
    spectrum = torch.stft(padded, size, step, window=window, center=False, return_complex=True)
    # A sine of amplitude 1 has a sum of half the window at its frequency.
    power = spectrum.abs().square() / (window.sum() / 2).square()
    frames = max(1, mono.shape[1] // step)
    mel = filters(rate, size, bands).to(power.device) @ power[:, :, :frames]
    return (10 * mel.clamp_min(1e-12).log10()).clamp(QUIETEST, 0.0)


@cache
def filters(rate: int, size: int, bands: int) -> Tensor:
    """Triangles `[bands, size / 2 + 1]` with a peak of 1, evenly spaced on the mel scale from 0 to half the rate."""
    edges = np.linspace(0, _mel(rate / 2), bands + 2)
    hertz = 700 * (10 ** (edges / 2595) - 1)
    bins = np.fft.rfftfreq(size, 1 / rate)
    # Where bands are narrower than the distance of two frequencies, each still has the nearest one.
    spacing = rate / size
    rising = (bins[None] - hertz[:-2, None]) / np.maximum(np.diff(hertz)[:-1, None], spacing)
    falling = (hertz[2:, None] - bins[None]) / np.maximum(np.diff(hertz)[1:, None], spacing)
    return torch.from_numpy(np.clip(np.minimum(rising, falling), 0, 1).astype(np.float32))


def _mel(hertz: float) -> float:
    """O'Shaughnessy 1987."""
    return 2595 * math.log10(1 + hertz / 700)


def as_pixels(decibels: Tensor) -> Tensor:
    """Decibels as uint8 images `[N, 1, bands, frames]`, silence 0."""
    return ((decibels - QUIETEST) * (255 / -QUIETEST)).round().to(torch.uint8)[:, None]
