"""Spoken digits from a small formant synthesiser: a voice source, resonances that move, and noise.

The parts are those of a cascade formant synthesiser (Klatt 1980, https://doi.org/10.1121/1.383940), with three formants
and one resonance for frication. Formant targets are rounded, near published averages of men's vowels (Peterson & Barney
1952, https://doi.org/10.1121/1.1906875); the consonants' and all durations were chosen by eye, on spectrograms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RATE, LENGTH = 8000, 4096
HOP = 32
"""Samples between two values of the controls: 4 ms."""

Array = np.ndarray


@dataclass(frozen=True)
class Sound:
    """A target of the controls.

    formants: F1, F2 and F3 of a man, Hz. voice, noise: amplitudes of the vocal folds and of frication. centre, band:
    of the frication's resonance, Hz.
    """

    formants: tuple[int, int, int]
    voice: float = 1.0
    noise: float = 0.0
    centre: int = 2500
    band: int = 1000


SOUNDS = {
    "AA": Sound((700, 1200, 2500)),
    "AH": Sound((640, 1190, 2390)),
    "AO": Sound((570, 840, 2410)),
    "E": Sound((480, 1750, 2520)),
    "EH": Sound((530, 1840, 2480)),
    "IH": Sound((390, 1990, 2550)),
    "IY": Sound((270, 2290, 3010)),
    "OW": Sound((500, 950, 2350)),
    "UW": Sound((300, 870, 2240)),
    "F": Sound((340, 1100, 2080), 0.0, 0.09, 2200, 3000),
    "K": Sound((300, 1990, 2850), 0.0, 0.3, 1900, 500),
    "N": Sound((260, 1340, 2500), 0.5),
    "R": Sound((310, 1060, 1380), 0.7),
    "S": Sound((320, 1390, 2530), 0.0, 0.16, 3500, 500),
    "T": Sound((320, 1700, 2600), 0.0, 0.3, 3000, 1500),
    "TH": Sound((320, 1290, 2540), 0.0, 0.07, 2800, 3000),
    "V": Sound((220, 1100, 2080), 0.4, 0.04, 2200, 3000),
    "W": Sound((290, 610, 2150), 0.7),
    "Z": Sound((240, 1390, 2530), 0.5, 0.07, 3500, 500),
    "-": Sound((400, 1500, 2500), 0.0),
}
"""Phonemes by their ARPAbet names; E is the beginning of EY, and - is a closure."""

DIGITS = {
    "zero": "Z80 IH70 R70 OW150",
    "one": "W70 AH130 N110",
    "two": "T40 IH20 UW220",
    "three": "TH80 R70 IY190",
    "four": "F90 AO150 R110",
    "five": "F80 AA120 IH100 V70",
    "six": "S110 IH80 -50 K25 S120",
    "seven": "S100 EH80 V50 AH60 N100",
    "eight": "E100 IY90 -55 T45",
    "nine": "N90 AA110 IH100 N90",
}
"""The sounds of each digit, with their durations in milliseconds."""

VOICES = ((105, 1.0), (92, 0.96), (125, 1.04), (190, 1.14), (215, 1.18), (240, 1.24))
"""Pitch in Hz, and how much higher the formants are than a man's, as the vocal tract is shorter."""


@dataclass
class Controls:
    """What moves, `[frames, N]` each: pitch (Hz), formants `[frames, N, 3]`, amplitudes, frication's resonance."""

    pitch: Array
    formants: Array
    voice: Array
    noise: Array
    centre: Array
    band: Array


def spoken(labels: Array, random: np.random.RandomState) -> Array:
    """Digits `labels [N]` as sounds `[N, 4096]` in -1..1, each in a random voice, pitch, speed and loudness."""
    controls = _controls(labels, random)
    noise = random.randn(LENGTH, len(labels)).astype(np.float32)
    sound = _filtered(_voice(controls, noise), noise, controls)
    loudness = random.uniform(0.6, 0.95, len(labels))
    return (sound * (loudness / np.abs(sound).max(0))).T


def _controls(labels: Array, random: np.random.RandomState) -> Controls:
    n, frames = len(labels), LENGTH // HOP
    voices = np.array(VOICES)[random.randint(len(VOICES), size=n)]
    speed, start = random.uniform(0.87, 1.2, n), random.uniform(0.004, 0.02, n)
    higher = voices[:, 1] * random.uniform(0.97, 1.03, n)
    pitch = voices[:, 0] * random.uniform(0.92, 1.08, n)
    tracks = np.zeros((frames, n, 7))
    silent = SOUNDS["-"]
    words = [_parsed(text) for text in DIGITS.values()]
    for k, label in enumerate(labels):
        first = words[label][0][0]
        tracks[:, k] = [*first.formants, 0.0, 0.0, first.centre, first.band]
        time = start[k]
        for sound, seconds in words[label]:
            a, time = round(time * RATE / HOP), time + seconds / speed[k]
            b = round(time * RATE / HOP)
            tracks[a:b, k] = [*sound.formants, sound.voice, sound.noise, sound.centre, sound.band]
            tracks[b:, k] = [*sound.formants, 0.0, 0.0, silent.centre, silent.band]
    # Formants glide for 50 ms, amplitudes for 12 ms.
    formants = _smoothed(tracks[:, :, :3], 13) * higher[:, None] * (1 + 0.015 * random.randn(n, 3))
    voice, noise = _smoothed(tracks[:, :, 3], 3), _smoothed(tracks[:, :, 4], 3)
    contour = 1.08 - 0.22 * np.linspace(0, 1, frames)[:, None] * random.uniform(0.5, 1.2, n)
    return Controls(pitch * contour, formants, voice, noise, tracks[:, :, 5] * higher**0.5, tracks[:, :, 6])


def _parsed(text: str) -> list[tuple[Sound, float]]:
    """The sounds of a digit, with their seconds."""
    parts = [(word.rstrip("0123456789"), word) for word in text.split()]
    return [(SOUNDS[name], int(word.removeprefix(name)) / 1000) for name, word in parts]


def _smoothed(tracks: Array, width: int) -> Array:
    """A moving average over `width` frames."""
    padded = np.concatenate([tracks[:1].repeat(width // 2, 0), tracks, tracks[-1:].repeat(width // 2, 0)])
    summed = np.cumsum(np.concatenate([np.zeros_like(padded[:1]), padded]), 0)
    return (summed[width:] - summed[:-width]) / width


def _upsampled(track: Array) -> Array:
    """From `[frames, N]` to one value per sample, `[T, N]`, float32, linearly."""
    following = np.concatenate([track[1:], track[-1:]])
    part = (np.arange(HOP) / HOP).astype(np.float32)[None, :, None]
    start, change = track.astype(np.float32), (following - track).astype(np.float32)
    return (start[:, None] + change[:, None] * part).reshape(-1, track.shape[1])


def _voice(controls: Controls, noise: Array) -> Array:
    """The flow through the vocal folds, differentiated, `[T, N]`: pulses, open for 60 % of a period, and breath.

    The flow of an open phase that goes from 0 to 1 is its square minus its cube (Klatt & Klatt 1990).
    """
    periods = np.cumsum(_upsampled(controls.pitch) / RATE, 0, dtype=np.float64)
    opened = ((periods - np.floor(periods)) / 0.6).astype(np.float32)
    pulse = np.where(opened < 1, opened * (2 - 3 * opened), np.float32(0))
    return (pulse + np.float32(0.03) * noise) * _upsampled(controls.voice)


def _filtered(voiced: Array, fricative: Array, controls: Controls) -> Array:
    """The voice through three resonances in a row, and noise through one of its own, `[T, N]`."""
    bandwidths = (70.0, 100.0, 160.0)
    filters = [_resonance(controls.formants[:, :, i], band) for i, band in enumerate(bandwidths)]
    hiss = _resonance(controls.centre, controls.band)
    noise = _upsampled(controls.noise) * fricative
    n = voiced.shape[1]
    states = [[np.zeros(n), np.zeros(n)] for _ in range(4)]
    sound = np.empty_like(voiced)
    for t in range(len(voiced)):
        frame = t // HOP
        y = voiced[t].astype(np.float64)
        for (a, b, c), state in zip(filters, states[:3], strict=True):
            y = a[frame] * y + b[frame] * state[0] + c[frame] * state[1]
            state[1], state[0] = state[0], y
        a, b, c = hiss
        z = a[frame] * noise[t] + b[frame] * states[3][0] + c[frame] * states[3][1]
        states[3][1], states[3][0] = states[3][0], z
        sound[t] = y + z
    return sound


def _resonance(centre: Array, band: Array | float) -> tuple[Array, Array, Array]:
    """Coefficients of a second-order resonator with a gain of 1 at 0 Hz (Klatt 1980, equation 2)."""
    radius = np.exp(-np.pi * np.asarray(band) / RATE) * np.ones_like(centre)
    c = -(radius**2)
    b = 2 * radius * np.cos(2 * np.pi * np.minimum(centre, 0.48 * RATE) / RATE)
    return 1 - b - c, b, c
