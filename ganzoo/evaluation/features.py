"""Features of images: what a feature space is, and each set of images taken through it once."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset, to_uint8
from ganzoo.errors import GanzooError
from ganzoo.evaluation import feature_cache
from ganzoo.evaluation.samples import MINIMUM, Samples, subset

log = logging.getLogger(__name__)

IMAGES_AT_ONCE = 640
"""Images in memory at once, where they need not be."""

SECONDS_BETWEEN_REPORTS = 20.0


@dataclass(frozen=True, eq=False)
class Features:
    """Of N images, on the CPU: features `[N, D]`, and logits `[N, classes]` where the space knows classes.

    sha256: of the images themselves, where they are real ones.
    """

    features: Tensor
    logits: Tensor | None
    sha256: str = ""


class Space(Protocol):
    """A feature space.

    name: as it is printed, like domain:mnist. suffix: what the names of scores end in: empty for the published
    Inception weights alone, on which FID is defined. resize: what is done to images first.
    most_real: real images that samples are compared with, at most. identity: what the features depend on besides the
    images.
    """

    @property
    def name(self) -> str: ...

    @property
    def suffix(self) -> str: ...

    @property
    def resize(self) -> str: ...

    @property
    def most_real(self) -> int: ...

    @property
    def identity(self) -> str: ...

    def extract(self, images: Tensor) -> Features:
        """Features of uint8 images `[N, C, H, W]`, computed on their device."""
        ...

    def describe(self) -> dict[str, Any]:
        """What a score's protocol says of the features, the hash of the weights among it."""
        ...


# Features live as long as the images that they were extracted from.
_FAKE: WeakKeyDictionary[Samples, dict[str, Features]] = WeakKeyDictionary()
_REAL: WeakKeyDictionary[Dataset, dict[str, Features]] = WeakKeyDictionary()


def fake_features(samples: Samples, space: Space) -> Features:
    """The features of the samples, extracted once; those of real samples in their place are also kept on disk."""
    found = _FAKE.setdefault(samples, {})
    if space.identity not in found:
        images = _Images(len(samples.fake), lambda: samples.fake.split(IMAGES_AT_ONCE))
        if samples.split is None:
            found[space.identity] = _extract(images, space, samples.fake.device)
        else:
            found[space.identity] = _cached(images, space, samples, samples.split)
    return found[space.identity]


def reference_features(samples: Samples, space: Space) -> Features:
    """The features of at most `space.most_real` images of the reference split, always the same ones, extracted once.

    Without mirror images (data.flip), as they are no data but augmentation.
    """
    real = samples.real(samples.reference)
    if real.count < MINIMUM:
        raise GanzooError(f"{real.count} training images are too few to compare samples with: add more.")
    found = _REAL.setdefault(real, {})
    if space.identity not in found:
        rows = reference_rows(real, space)
        images = _Images(len(rows), lambda: (to_uint8(real.batch(part)["x"]) for part in rows.split(IMAGES_AT_ONCE)))
        found[space.identity] = _cached(images, space, samples, samples.reference)
    return found[space.identity]


def reference_rows(real: Dataset, space: Space) -> Tensor:
    """Indices of the real images that samples are compared with, int64."""
    return subset(real.count, space.most_real)


@dataclass(frozen=True)
class _Images:
    """A number of uint8 images, and how to read them part by part."""

    count: int
    parts: Callable[[], Iterable[Tensor]]


def _extract(images: _Images, space: Space, device: torch.device) -> Features:
    """Features of all the images; a line in the log now and then, if they take long."""
    extracted: list[Features] = []
    done, last = 0, time.monotonic()
    for part in images.parts():
        extracted.append(space.extract(part.to(device)))
        done += len(part)
        if done < images.count and time.monotonic() - last > SECONDS_BETWEEN_REPORTS:
            last = time.monotonic()
            log.info("%s features of %s of %s images", space.name, f"{done:,}", f"{images.count:,}")
    logits = [each.logits for each in extracted if each.logits is not None]
    return Features(torch.cat([each.features for each in extracted]), torch.cat(logits) if logits else None)


def _cached(images: _Images, space: Space, samples: Samples, split: str) -> Features:
    """The features of real images: from the disk if they are there, else extracted and kept."""
    digest = _digest(images.parts())
    shape = (images.count, *samples.spec.shape)
    key = feature_cache.key(digest, samples.spec.name, shape, split, space.identity)
    found = feature_cache.read(key)
    if found is None:
        extracted = _extract(images, space, samples.fake.device)
        found = {"features": extracted.features.numpy()}
        if extracted.logits is not None:
            found["logits"] = extracted.logits.numpy()
        feature_cache.write(key, found)
    logits = torch.from_numpy(found["logits"]) if "logits" in found else None
    return Features(torch.from_numpy(found["features"]), logits, digest)


def images_digest(images: Tensor) -> str:
    """SHA-256 of uint8 images `[N, C, H, W]` and the shape of each, in hexadecimal."""
    return _digest(images.split(IMAGES_AT_ONCE))


def _digest(parts: Iterable[Tensor]) -> str:
    digest = hashlib.sha256()
    for i, part in enumerate(parts):
        if i == 0:
            digest.update(str(tuple(part.shape[1:])).encode())
        digest.update(part.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
