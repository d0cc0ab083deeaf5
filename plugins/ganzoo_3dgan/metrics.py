"""Scores of shapes: the Fréchet distance on domain features, and coverage and matching by the overlap of volumes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.samples import Measured, Samples, subset
from ganzoo.errors import GanzooError
from ganzoo.evaluation import standard_errors
from ganzoo.evaluation.metrics import images
from ganzoo.zoo import registry

DOMAIN = "domain"
MOST = 1_000
"""Shapes of each set that are compared with each other."""


def frechet_distance(samples: Samples) -> Any:
    """FD on domain features. Empty for shapes without labels.

    The core's small classifier of images sees the horizontal slices of a shape as the channels of an image, so that its
    recipe, its cache and the names of scores are the same as for images.
    """
    if samples.features not in ("auto", DOMAIN):
        raise GanzooError(f"voxels have {DOMAIN} features only: leave out --features.")
    if samples.real("train").spec.classes < 2:
        return Measured({})
    return images.frechet_distance(as_slices(samples))


def as_slices(samples: Samples) -> Samples:
    """Shapes as images of as many channels as they are high."""

    def load(split: str) -> Dataset:
        dataset = samples.real(split)
        return dataset.memo.once("slices", lambda: slices_of(dataset))

    def make() -> Samples:
        _, *shape = samples.spec.shape
        made = replace(
            samples,
            fake=samples.fake[:, 0] * 255,
            spec=replace(samples.spec, modality="image", shape=tuple(shape)),
            load=load,
            modality=registry.modality("image"),
            features=DOMAIN,
            against=samples.reference,
        )
        made.shared_by(samples.group)
        return made

    return samples.memo.once("slices", make)


def slices_of(dataset: Dataset) -> Dataset:
    _, *shape = dataset.spec.shape
    spec = replace(dataset.spec, modality="image", shape=tuple(shape))
    rows = torch.arange(dataset.count)
    x = torch.cat([(dataset.batch(part)["x"][:, 0] > 0).to(torch.uint8).cpu() for part in rows.split(1000)]) * 255
    labels = {name: dataset.arrays[name] for name in ("y",) if name in dataset.arrays}
    return Dataset({"x": x, **labels}, spec)


def coverage_and_matching(samples: Samples) -> Measured:
    """COV and MMD of Achlioptas et al. 2018, section 5, with 1 - IoU as the distance, from as many of both.

    coverage: the fraction of real shapes that are the nearest to some sample. matching: the mean distance of real
    shapes to their nearest sample.
    """
    real = samples.real(samples.reference)
    count = min(MOST, real.count, len(samples.fake))
    fake = samples.fake[subset(len(samples.fake), count)]
    other = (real.batch(subset(real.count, count))["x"] > 0).to(torch.uint8)
    distance = 1 - overlap(fake, other)
    covered = len(distance.argmin(1).unique()) / count
    nearest = distance.amin(0)
    return Measured(
        {"coverage[IoU]": covered, "matching[IoU]": float(nearest.mean())},
        lambda: {
            "coverage[IoU]": standard_errors.of_fraction(covered, count),
            "matching[IoU]": standard_errors.of_mean(nearest),
        },
        n_real=count,
        split=samples.reference,
    )


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union `[N, M]` of each of the shapes `a` with each of `b`, uint8 0 and 1; 1 for two empty."""
    a, b = a.flatten(1).float().cpu(), b.flatten(1).float().cpu()
    common = a @ b.t()
    union = a.sum(1)[:, None] + b.sum(1) - common
    return torch.where(union > 0, common / union.clamp(min=1), torch.ones_like(union))
