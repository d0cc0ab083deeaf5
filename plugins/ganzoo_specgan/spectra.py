"""Spectrograms that a network can make, and the sounds that have them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, conv_transpose1d, pad

from ganzoo.errors import GanzooError
from ganzoo.networks import halvings

MOMENTUM = 0.99
"""Of Perraudin et al. 2013, A fast Griffin-Lim algorithm, https://doi.org/10.1109/WASPAA.2013.6701851."""

SILENT = 1.0
"""Decibels above the floor up to which a generated value is silence: a tanh does not reach -1."""

LEAST = 1e-10
"""Below this, a magnitude counts as 0."""


def spectrogram_size(length: int, window: int, hop: int) -> tuple[int, int]:
    """Frequencies and frames of the spectrogram of a sound of `length` samples.

    The highest frequency is left out, so that there are half as many as a window has samples. Frames are added at the
    end so that the spectrogram can be halved as often as `ganzoo.networks.pyramid` says.
    Raises GanzooError for a window that is no power of two, and a hop of more than half a window.
    """
    if window & (window - 1):
        near = 2 ** round(math.log2(window))
        raise GanzooError(f"window={window} is no power of two, as halving needs: use --set window={near}.")
    if 2 * hop > window:
        raise GanzooError(f"hop={hop} is more than half of window={window}: use --set hop={window // 2} or less.")
    frames = max(8, -(-length // hop))
    step = 2 ** halvings(min(frames, window // 2))
    return window // 2, -(-frames // step) * step


class Spectra(nn.Module):
    """Spectrograms `[N, C, *spectrogram_size]` of sounds `[N, C, length]` in -1..1, and the way back.

    Their values are decibels from `floor` to 0, scaled to -1..1; 0 dB is a sine of amplitude 1. iterations: of the
    Griffin-Lim algorithm. The Fourier transforms are convolutions, which ONNX has.
    """

    analysis: Tensor
    synthesis: Tensor
    overlap: Tensor
    phases: Tensor

    def __init__(self, length: int, window: int, hop: int, floor: float, iterations: int) -> None:
        super().__init__()
        self.length, self.window, self.hop, self.floor, self.iterations = length, window, hop, floor, iterations
        self.bins, self.frames = spectrogram_size(length, window, hop)
        hann = torch.hann_window(window, dtype=torch.float64)
        angles = 2 * math.pi / window * torch.outer(torch.arange(self.bins + 1), torch.arange(window)).double()
        # Real parts, then imaginary parts, `[2 * (bins + 1), 1, window]`.
        waves = torch.cat([angles.cos(), -angles.sin()])[:, None] * hann
        loudness = 2 / hann.sum()
        self._keep("analysis", waves * loudness)
        # A real sound has each frequency twice, but for the lowest and the highest.
        twice = torch.full((self.bins + 1,), 2.0, dtype=torch.float64)
        twice[0] = twice[-1] = 1.0
        self._keep("synthesis", waves * twice.repeat(2)[:, None, None] / (window * loudness))
        squares = hann.square()[None, None]
        ones = torch.ones(1, 1, self.frames + 1, dtype=torch.float64)
        self._keep("overlap", self._cropped(conv_transpose1d(ones, squares, stride=hop)))
        # The first phases are the same for every sound, so that a latent vector is always the same sound.
        drawn = torch.rand(1, self.bins + 1, self.frames + 1, generator=torch.Generator().manual_seed(0))
        self._keep("phases", torch.cat([(2 * math.pi * drawn).cos(), (2 * math.pi * drawn).sin()], 1))

    def of_sounds(self, x: Tensor) -> Tensor:
        """Spectrograms of sounds."""
        padded = pad(x.float(), (0, self.frames * self.hop - self.length))
        magnitude = _magnitude(self._transform(padded.flatten(0, 1)))[:, :-1, :-1]
        decibels = 20 * magnitude.clamp_min(LEAST).log10()
        return (1 - 2 * decibels / self.floor).clamp(-1, 1).unflatten(0, x.shape[:2])

    @torch.no_grad()
    def to_sounds(self, spectrograms: Tensor) -> Tensor:
        """Sounds whose spectrograms are near the given ones (Griffin & Lim 1984).

        Phases are those of the sound that the previous phases give, with Perraudin et al.'s momentum.
        """
        values = spectrograms.float().flatten(0, 1)
        decibels = (1 - values) * self.floor / 2
        magnitude = torch.where(decibels > self.floor + SILENT, 10 ** (decibels / 20), 0.0)
        # The frequency and the frame that spectrograms do not have are silent.
        magnitude = pad(magnitude, (0, 1, 0, 1)).repeat(1, 2, 1)
        phases, before = self.phases, None
        for _ in range(self.iterations):
            spectra = self._transform(self._inverse(magnitude * phases))
            ahead = spectra if before is None else spectra - MOMENTUM / (1 + MOMENTUM) * before
            phases, before = ahead / _magnitude(ahead).clamp_min(LEAST).repeat(1, 2, 1), spectra
        sounds = self._inverse(magnitude * phases)[:, : self.length]
        return sounds.clamp(-1, 1).unflatten(0, spectrograms.shape[:2])

    def _transform(self, x: Tensor) -> Tensor:
        """Spectra `[N, 2 * (bins + 1), frames + 1]` of sounds `[N, T]`; a sine of amplitude 1 has the magnitude 1."""
        half = self.window // 2
        return conv1d(pad(x, (half, half))[:, None], self.analysis, stride=self.hop)

    def _inverse(self, spectra: Tensor) -> Tensor:
        """The sounds `[N, T]` whose spectra are nearest (Griffin & Lim 1984, equation 6)."""
        frames = conv_transpose1d(spectra, self.synthesis, stride=self.hop)
        return (self._cropped(frames) / self.overlap)[:, 0]

    def _cropped(self, x: Tensor) -> Tensor:
        """Without the halves of windows that are outside the sound."""
        return x[..., self.window // 2 :][..., : self.frames * self.hop]

    def _keep(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value.float(), persistent=False)


def _magnitude(spectra: Tensor) -> Tensor:
    """`[N, 2 * B, T]` to `[N, B, T]`."""
    real, imaginary = spectra.chunk(2, 1)
    return (real.square() + imaginary.square()).sqrt()
