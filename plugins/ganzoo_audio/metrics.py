"""Scores of sounds: those of images on log-mel spectrograms, and one that needs no labels."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.data.samples import Measured, Samples, subset
from ganzoo.evaluation import standard_errors
from ganzoo.evaluation.features.views import as_images
from ganzoo.evaluation.metrics import fidelity, images

from .spectrogram import as_pixels, log_mel

BANDS = 32
MOST = 10_000
ROWS = 500


def spectrograms(samples: Samples) -> Samples:
    """The sounds as images of 32 mel bands, with a frame every 16 ms."""
    rate = rate_of(samples)
    return as_images(samples, samples.spec.name, lambda x: as_pixels(log_mel(x, rate, BANDS)))


def rate_of(samples: Samples) -> int:
    return int(samples.spec.note.get("rate", 8000))


def inception_score(samples: Samples) -> Measured:
    return images.inception_score(spectrograms(samples))


def frechet_distance(samples: Samples) -> Measured:
    return images.frechet_distance(spectrograms(samples))


def precision_recall(samples: Samples) -> Measured:
    return images.precision_recall(spectrograms(samples))


def accuracy(samples: Samples) -> Measured:
    return images.accuracy(spectrograms(samples))


def spectrum_distance(samples: Samples) -> Measured:
    """Frechet distance between the mean and standard deviation over time of 32 log-mel bands, in units of 10 dB."""
    rate, real = rate_of(samples), samples.real(samples.reference)
    rows = subset(real.count, MOST)

    def reference() -> Tensor:
        parts = [statistics(real.batch(part)["x"].cpu(), rate) for part in rows.split(ROWS)]
        return torch.cat(parts)

    features = real.memo.once("log-mel statistics", reference)
    own = torch.cat([statistics(part.cpu(), rate) for part in samples.fake.split(ROWS)])
    value = fidelity.frechet_distance(own, features)
    return Measured(
        {"log-mel-FD": value},
        lambda: {"log-mel-FD": standard_errors.of_frechet_distance(own, features)},
        bands=BANDS,
        n_real=len(features),
        split=samples.reference,
    )


def statistics(x: Tensor, rate: int) -> Tensor:
    """Mean and standard deviation of each band over time, `[N, 2 * 32]`, float64."""
    mel = log_mel(x, rate, BANDS).double() / 10
    return torch.cat([mel.mean(2), mel.std(2, correction=0)], 1)
