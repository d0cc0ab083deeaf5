"""Drum hits and tones, made of sines and noise."""

from __future__ import annotations

import numpy as np

from .speech import LENGTH, RATE

Array = np.ndarray

DRUMS = ("kick", "snare", "hat")
NOTES = ("C4", "D4", "E4", "F4", "G4", "A4", "B4", "C5")
SEMITONES = (-9, -7, -5, -4, -2, 0, 2, 3)
"""Distance of each note from A4, 440 Hz."""

TIME = np.arange(LENGTH) / RATE


def drums(labels: Array, random: np.random.RandomState) -> Array:
    """Hits `labels [N]` as sounds `[N, 4096]` in -1..1, with random pitch, decay and loudness."""
    n = len(labels)
    noise = random.randn(n, LENGTH)
    kick = _swept(random.uniform(42, 62, n), random.uniform(60, 160, n), random.uniform(0.02, 0.05, n))
    kick = kick * _decay(random.uniform(0.06, 0.14, n))
    tone = _swept(random.uniform(160, 220, n), random.uniform(20, 80, n), random.uniform(0.01, 0.02, n))
    snare = 0.7 * tone * _decay(random.uniform(0.03, 0.06, n))
    snare = snare + 0.35 * np.diff(noise, axis=1, prepend=0) * _decay(random.uniform(0.05, 0.1, n))
    hat = np.diff(noise, 2, axis=1, prepend=np.zeros((n, 2))) * _decay(random.uniform(0.012, 0.05, n))
    every = np.stack([kick, snare, hat])
    return _normalised(every[labels, np.arange(n)], random)


def tones(labels: Array, random: np.random.RandomState) -> Array:
    """Notes `labels [N]` as sounds `[N, 4096]` in -1..1, slightly out of tune, with random overtones and envelopes."""
    n = len(labels)
    pitch = 440 * 2 ** ((np.array(SEMITONES)[labels] + random.uniform(-0.2, 0.2, n)) / 12)
    # How fast overtones get weaker, and whether the even ones are there, as between an organ and a clarinet.
    slope, even = random.uniform(1.0, 3.0, n), random.uniform(0, 1, n)
    sound = np.zeros((n, LENGTH))
    for k in range(1, 7):
        strength = k**-slope * (even if k % 2 == 0 else 1.0) * (k * pitch < 0.48 * RATE)
        sound += strength[:, None] * np.sin(2 * np.pi * k * pitch[:, None] * TIME + random.uniform(0, 6.28, n)[:, None])
    attack = np.minimum(1, TIME / random.uniform(0.005, 0.06, n)[:, None])
    release = np.minimum(1, (TIME[-1] - TIME) / 0.03)
    return _normalised(sound * attack * release * _decay(random.uniform(0.15, 1.0, n)), random)


def _swept(final: Array, more: Array, seconds: Array) -> Array:
    """Sines that fall from `final + more` to `final` Hz, `[N, T]`."""
    pitch = final[:, None] + more[:, None] * np.exp(-TIME / seconds[:, None])
    return np.sin(2 * np.pi * np.cumsum(pitch, 1) / RATE)


def _decay(seconds: Array) -> Array:
    return np.exp(-TIME / seconds[:, None])


def _normalised(sound: Array, random: np.random.RandomState) -> Array:
    peak = np.abs(sound).max(1, keepdims=True)
    return sound / peak * random.uniform(0.6, 0.95, (len(sound), 1))
