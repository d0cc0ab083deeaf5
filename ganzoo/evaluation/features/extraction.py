"""Features of images: the protocol of feature spaces, and extraction, once for each set of images."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset, to_uint8
from ganzoo.data.memo import Memo
from ganzoo.data.samples import MINIMUM, Samples, subset
from ganzoo.errors import GanzooError
from ganzoo.evaluation.features import cache as feature_cache
from ganzoo.machine.rank_group import SINGLE_PROCESS, RankGroup, chunks
from ganzoo.machine.tf32 import full_precision

log = logging.getLogger(__name__)

SECONDS_BETWEEN_REPORTS = 20.0
"""Seconds between log messages during a long extraction."""


@dataclass(frozen=True, eq=False)
class Features:
    """Features `[N, D]` of N images, and logits `[N, classes]` if the network has any; both on the CPU.

    sha256: of the images, if they are real ones. memo: values computed from the features.
    """

    features: Tensor
    logits: Tensor | None
    sha256: str = ""
    memo: Memo = field(default_factory=Memo, init=False, repr=False)


class Space(Protocol):
    """A feature space.

    name: as printed, for example domain:mnist. suffix: appended to the names of scores; empty only for the published
    Inception weights, on which FID is defined. resize: how images are resized before extraction.
    max_real: maximum number of real images that samples are compared with. identity: everything that the features
    depend on besides the images. A space whose extraction can be distributed over ranks has a method `to_dict`, from
    whose result `spaces.from_dict` rebuilds it on another rank.
    """

    @property
    def name(self) -> str: ...

    @property
    def suffix(self) -> str: ...

    @property
    def resize(self) -> str: ...

    @property
    def max_real(self) -> int: ...

    @property
    def identity(self) -> str: ...

    def extract(self, images: Tensor) -> Features:
        """Features of uint8 images `[N, C, H, W]`, computed on their device."""
        ...

    def describe(self) -> dict[str, Any]:
        """The features' entry in a score's protocol, including the hash of the weights."""
        ...


FAKE, REAL_BASELINE, REFERENCE = "fake", "real baseline", "reference"
"""The image sets that every rank can access: generated samples, real samples scored as a baseline, and the real images
that both are compared with."""


def fake_features(samples: Samples, space: Space) -> Features:
    """The features of the samples, extracted once; those of a real baseline are also cached on disk."""
    split = samples.split
    return samples.memo.once(
        ("features", space.identity),
        lambda: _extract(samples, FAKE, space) if split is None else _cached(samples, REAL_BASELINE, space, split),
    )


def reference_features(samples: Samples, space: Space) -> Features:
    """The features of at most `space.max_real` images of the reference split, always the same ones, extracted once.

    Mirrored images (data.flip) are left out: they are augmentation, not data.
    """
    real = samples.real(samples.reference)
    if real.count < MINIMUM:
        raise GanzooError(f"{real.count} training images are too few to compare samples with: add more.")
    return real.memo.once(("features", space.identity), lambda: _cached(samples, REFERENCE, space, samples.reference))


def reference_rows(real: Dataset, space: Space) -> Tensor:
    """Indices of the real images that samples are compared with, int64."""
    return subset(real.count, space.max_real)


def handle_request(
    request: Any, samples: Samples, group: RankGroup, from_dict: Callable[[Any, Samples], Space]
) -> None:
    """Do this rank's part of an extraction that the first rank requests. from_dict: `spaces.from_dict`."""
    extractors: list[Callable[[slice], Sequence[Tensor]]] = []

    def extract(rows: slice) -> Sequence[Tensor]:
        # Anything that can fail must fail in here, where the error is reported to all ranks.
        if not extractors:
            image_set = request["image set"]
            scored = samples.real_baseline() if image_set == REAL_BASELINE else samples
            space = from_dict(request["space"], samples)
            extractors.append(_extractor(_images(scored, image_set, space), space, scored))
        return extractors[0](rows)

    group.map_rows(request["count"], extract)


@dataclass(frozen=True)
class _Images:
    """A set of `count` uint8 images, and a function that reads the images of a slice."""

    count: int
    at: Callable[[slice], Tensor]

    def chunks(self) -> Iterable[Tensor]:
        return (self.at(rows) for rows in chunks(self.count))


def _images(samples: Samples, image_set: str, space: Space) -> _Images:
    if image_set != REFERENCE:
        return _Images(len(samples.fake), lambda rows: samples.fake[rows])
    real = samples.real(samples.reference)
    chosen = reference_rows(real, space)
    return _Images(len(chosen), lambda rows: to_uint8(real.batch(chosen[rows])["x"]))


def _extract(samples: Samples, image_set: str, space: Space) -> Features:
    """Features of one of the image sets, on all ranks that have it; a long extraction logs its progress."""
    group, images = samples.group, _images(samples, image_set, space)
    to_dict = getattr(space, "to_dict", None)
    if group.ranks > 1 and to_dict is not None:
        group.request({"image set": image_set, "count": images.count, "space": to_dict()})
    else:
        group = SINGLE_PROCESS
    extract, last = _extractor(images, space, samples), [time.monotonic()]

    def extract_and_log(rows: slice) -> Sequence[Tensor]:
        found = extract(rows)
        if rows.stop < images.count and time.monotonic() - last[0] > SECONDS_BETWEEN_REPORTS:
            last[0] = time.monotonic()
            log.info("%s features of %s of %s images", space.name, f"{rows.stop:,}", f"{images.count:,}")
        return found

    outputs = group.map_rows(images.count, extract_and_log)
    return Features(outputs[0], outputs[1] if len(outputs) > 1 else None)


def _extractor(images: _Images, space: Space, samples: Samples) -> Callable[[slice], Sequence[Tensor]]:
    """A function that computes the features, and the logits if there are any, of the images of a slice."""
    device = samples.device or samples.fake.device

    def extract(rows: slice) -> Sequence[Tensor]:
        with full_precision(device):
            found = space.extract(images.at(rows).to(device))
        return [found.features] if found.logits is None else [found.features, found.logits]

    return extract


def _cached(samples: Samples, image_set: str, space: Space, split: str) -> Features:
    """The features of real images: read from the disk cache, or extracted and written to it."""
    images = _images(samples, image_set, space)
    digest = _digest(images.chunks())
    shape = (images.count, *samples.spec.shape)
    key = feature_cache.key(digest, samples.spec.name, shape, split, space.identity)
    found = feature_cache.read(key)
    if found is None:
        extracted = _extract(samples, image_set, space)
        found = {"features": extracted.features.numpy()}
        if extracted.logits is not None:
            found["logits"] = extracted.logits.numpy()
        feature_cache.write(key, found)
    logits = torch.from_numpy(found["logits"]) if "logits" in found else None
    return Features(torch.from_numpy(found["features"]), logits, digest)


def _digest(chunks: Iterable[Tensor]) -> str:
    """SHA-256, in hexadecimal, of the shape of an image and of uint8 images `[N, C, H, W]` that come in chunks."""
    digest = hashlib.sha256()
    for i, chunk in enumerate(chunks):
        if i == 0:
            digest.update(str(tuple(chunk.shape[1:])).encode())
        digest.update(chunk.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
