"""Features of images: what a feature space is, and each set of images taken through it once."""

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
from ganzoo.machine.rank_group import ALONE, Team, parts
from ganzoo.machine.tf32 import full_precision

log = logging.getLogger(__name__)

SECONDS_BETWEEN_REPORTS = 20.0


@dataclass(frozen=True, eq=False)
class Features:
    """Of N images, on the CPU: features `[N, D]`, and logits `[N, classes]` where the space knows classes.

    sha256: of the images themselves, where they are real ones. memo: what was computed from the features.
    """

    features: Tensor
    logits: Tensor | None
    sha256: str = ""
    memo: Memo = field(default_factory=Memo, init=False, repr=False)


class Space(Protocol):
    """A feature space.

    name: as it is printed, like domain:mnist. suffix: what the names of scores end in: empty for the published
    Inception weights alone, on which FID is defined. resize: what is done to images first.
    most_real: real images that samples are compared with, at most. identity: what the features depend on besides the
    images. A space that other ranks can have too, to share the work, has a method `sent` (see `spaces.received`).
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


FAKE, STAND_IN, REFERENCE = "fake", "stand-in", "reference"
"""The sets of images that any rank can find: samples, real ones in their place, and those to compare with."""


def fake_features(samples: Samples, space: Space) -> Features:
    """The features of the samples, extracted once; those of real samples in their place are also kept on disk."""
    split = samples.split
    return samples.memo.once(
        ("features", space.identity),
        lambda: _extract(samples, FAKE, space) if split is None else _cached(samples, STAND_IN, space, split),
    )


def reference_features(samples: Samples, space: Space) -> Features:
    """The features of at most `space.most_real` images of the reference split, always the same ones, extracted once.

    Without mirror images (data.flip), as they are no data but augmentation.
    """
    real = samples.real(samples.reference)
    if real.count < MINIMUM:
        raise GanzooError(f"{real.count} training images are too few to compare samples with: add more.")
    return real.memo.once(("features", space.identity), lambda: _cached(samples, REFERENCE, space, samples.reference))


def reference_rows(real: Dataset, space: Space) -> Tensor:
    """Indices of the real images that samples are compared with, int64."""
    return subset(real.count, space.most_real)


def answer(order: Any, samples: Samples, team: Team, find: Callable[[Any, Samples], Space]) -> None:
    """Do this rank's part of what the first rank asks for. find: `spaces.received`."""
    made: list[Callable[[slice], Sequence[Tensor]]] = []

    def work(rows: slice) -> Sequence[Tensor]:
        # What can fail has to fail in here, where all ranks hear of it.
        if not made:
            whose = samples.stand_in() if order["whose"] == STAND_IN else samples
            space = find(order["space"], samples)
            made.append(_worker(_images(whose, order["whose"], space), space, whose))
        return made[0](rows)

    team.share(order["count"], work)


@dataclass(frozen=True)
class _Images:
    """A number of uint8 images, and how to read some of them."""

    count: int
    at: Callable[[slice], Tensor]

    def parts(self) -> Iterable[Tensor]:
        return (self.at(rows) for rows in parts(self.count))


def _images(samples: Samples, whose: str, space: Space) -> _Images:
    if whose != REFERENCE:
        return _Images(len(samples.fake), lambda rows: samples.fake[rows])
    real = samples.real(samples.reference)
    chosen = reference_rows(real, space)
    return _Images(len(chosen), lambda rows: to_uint8(real.batch(chosen[rows])["x"]))


def _extract(samples: Samples, whose: str, space: Space) -> Features:
    """Features of one of the sets of images; a line in the log now and then, if they take long."""
    team, images = samples.team, _images(samples, whose, space)
    sent = getattr(space, "sent", None)
    if team.ranks > 1 and sent is not None:
        team.ask({"whose": whose, "count": images.count, "space": sent()})
    else:
        team = ALONE
    work, last = _worker(images, space, samples), [time.monotonic()]

    def reported(rows: slice) -> Sequence[Tensor]:
        found = work(rows)
        if rows.stop < images.count and time.monotonic() - last[0] > SECONDS_BETWEEN_REPORTS:
            last[0] = time.monotonic()
            log.info("%s features of %s of %s images", space.name, f"{rows.stop:,}", f"{images.count:,}")
        return found

    made = team.share(images.count, reported)
    return Features(made[0], made[1] if len(made) > 1 else None)


def _worker(images: _Images, space: Space, samples: Samples) -> Callable[[slice], Sequence[Tensor]]:
    """What makes features, and logits where there are any, of the images at some rows."""
    device = samples.device or samples.fake.device

    def work(rows: slice) -> Sequence[Tensor]:
        with full_precision(device):
            found = space.extract(images.at(rows).to(device))
        return [found.features] if found.logits is None else [found.features, found.logits]

    return work


def _cached(samples: Samples, whose: str, space: Space, split: str) -> Features:
    """The features of real images: from the disk if they are there, else extracted and kept."""
    images = _images(samples, whose, space)
    digest = _digest(images.parts())
    shape = (images.count, *samples.spec.shape)
    key = feature_cache.key(digest, samples.spec.name, shape, split, space.identity)
    found = feature_cache.read(key)
    if found is None:
        extracted = _extract(samples, whose, space)
        found = {"features": extracted.features.numpy()}
        if extracted.logits is not None:
            found["logits"] = extracted.logits.numpy()
        feature_cache.write(key, found)
    logits = torch.from_numpy(found["logits"]) if "logits" in found else None
    return Features(torch.from_numpy(found["features"]), logits, digest)


def _digest(parts: Iterable[Tensor]) -> str:
    """SHA-256 of uint8 images `[N, C, H, W]` in parts, and of the shape of each, in hexadecimal."""
    digest = hashlib.sha256()
    for i, part in enumerate(parts):
        if i == 0:
            digest.update(str(tuple(part.shape[1:])).encode())
        digest.update(part.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
