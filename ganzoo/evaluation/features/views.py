"""Samples of another kind as images, such as sounds as spectrograms, so that domain features compare them too."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.modality import Modality
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation.features.names import DOMAIN
from ganzoo.recipes import DataSpec

ROWS = 500
"""Samples that are converted at a time."""


def as_images(samples: Samples, name: str, images: Callable[[Tensor], Tensor]) -> Samples:
    """The samples, and the real data that they are compared with, as images, for the functions that score images.

    images: converts scored samples `[N, *shape]` to as many images, uint8 `[N, C, H, W]`. name: of the feature space,
    which the names of scores carry: "[domain:NAME]". Its features are those of a classifier that is trained on the
    images and labels of the training data, and cached, like those of a data set of images. Each set is converted once.
    Raises GanzooError for other features than these.
    """
    if samples.features not in ("auto", DOMAIN):
        raise GanzooError(
            f"{samples.spec.name} is compared on domain features only, and {samples.features} is for photographs: "
            "leave out --features."
        )

    def of_split(split: str) -> Dataset:
        real = samples.real(split)
        return real.memo.once(("as images", name), lambda: _dataset(real, samples.modality, name, images))

    def make() -> Samples:
        fake = _converted(lambda at: samples.fake[at : at + ROWS], len(samples.fake), images)
        spec = _spec(samples.spec, name, fake)
        return dataclasses.replace(
            samples,
            fake=fake,
            spec=spec,
            load=of_split,
            modality=Modality(spec.modality),
            features=DOMAIN,
            weights=None,
            generator=None,
            targets=None,
            against=samples.reference,
        )

    return samples.memo.once(("as images", name), make)


def _dataset(real: Dataset, modality: Modality, name: str, images: Callable[[Tensor], Tensor]) -> Dataset:
    def rows(at: int) -> Tensor:
        return modality.scored(real.batch(torch.arange(at, min(at + ROWS, real.count)))["x"].cpu())

    x = _converted(rows, real.count, images)
    labels = {"y": torch.as_tensor(real.arrays["y"]).cpu()} if "y" in real.arrays else {}
    return Dataset({"x": x, **labels}, _spec(real.spec, name, x))


def _converted(rows: Callable[[int], Tensor], count: int, images: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.cat([images(rows(at)) for at in range(0, count, ROWS)])


def _spec(spec: DataSpec, name: str, x: Tensor) -> DataSpec:
    return DataSpec(name, spec.modality, tuple(x.shape[1:]), spec.classes, spec.class_names)
