"""The features of samples together with those of the real images that they are compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ganzoo.data.samples import Measured, Samples
from ganzoo.evaluation.features import cache as feature_cache
from ganzoo.evaluation.features.extraction import Features, Space, fake_features, reference_features
from ganzoo.evaluation.features.spaces import find_space

ON_INCEPTION = {"FD": "FID", "KD": "KID", "intra-FD": "intra-FID"}
"""Names of the distances on the published Inception weights."""


@dataclass(frozen=True)
class FeaturePair:
    """The features of samples and of the real images of their reference split, in `space`."""

    samples: Samples
    space: Space
    fake: Features
    real: Features

    def cached(self, key: str, compute: Callable[[Tensor, Tensor], Sequence[float]]) -> list[float]:
        """The values that `compute` returns for the features of samples `[N, D]` and real images `[M, D]`.

        For a real baseline they are cached on disk, as they are the same each time. key: identifies the metric and its
        settings.
        """
        if self.samples.split is None:
            return list(compute(self.fake.features, self.real.features))
        images = f"{self.fake.sha256} {self.real.sha256}"
        shape, identity = self.samples.fake.shape, f"{self.space.identity} {key}"
        key = feature_cache.key(images, self.samples.spec.name, shape, self.samples.split, identity)
        found = feature_cache.read(key)
        if found is None:
            found = {"values": np.array(compute(self.fake.features, self.real.features), dtype=np.float64)}
            feature_cache.write(key, found)
        return [float(value) for value in found["values"]]

    def measured(
        self,
        values: Mapping[str, float],
        errors: Callable[[], Sequence[float]] | None = None,
        notes: Sequence[str] = (),
        **protocol: Any,
    ) -> Measured:
        """The values, named for the feature space; the protocol includes the real images compared with.

        errors: returns their standard errors, in the same order. notes: see `Measured`.
        """
        against = {
            "n_real": len(self.real.features),
            "split": self.samples.reference,
            "real_sha256": self.real.sha256[:12],
        }
        return in_space(self.space, values, errors, notes, **against | protocol)


def feature_pair(samples: Samples) -> FeaturePair:
    """The features of the samples and of the real images. Raises GanzooError as `find_space` does."""
    space = find_space(samples)
    return FeaturePair(samples, space, fake_features(samples, space), reference_features(samples, space))


def in_space(
    space: Space,
    values: Mapping[str, float],
    errors: Callable[[], Sequence[float]] | None = None,
    notes: Sequence[str] = (),
    **protocol: Any,
) -> Measured:
    """The values, named for the feature space, which the protocol includes.

    errors: returns their standard errors, in the same order. notes: see `Measured`.
    """
    if not space.suffix:
        values = {ON_INCEPTION.get(name, name): value for name, value in values.items()}
    named = {f"{name}{space.suffix}": value for name, value in values.items()}
    named_errors = None if errors is None else lambda: dict(zip(named, errors(), strict=True))
    return Measured(named, named_errors, notes, features=space.describe(), resize=space.resize, **protocol)
