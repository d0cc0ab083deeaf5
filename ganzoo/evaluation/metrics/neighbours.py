"""Memorisation: distances from samples to their nearest training images, compared with those of held-out images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ganzoo.data.dataset import Dataset, as_input, to_uint8
from ganzoo.data.samples import Measured, Samples, subset
from ganzoo.errors import GanzooError
from ganzoo.evaluation import standard_errors
from ganzoo.game import Batch
from ganzoo.pictures.neighbours import Block, beside_each_other

MAX_SAMPLES = 2_000
MIN_SAMPLES = 100
QUANTILE = 0.01
MAX_SIDE = 32
"""Maximum side in pixels at which images are compared; average pooling of larger ones keeps the search fast."""

CHUNK_ROWS = 4_096
SAMPLES_SHOWN, SAMPLES_PER_ROW = 24, 2
NEAREST = 3
HEADS = ("sample", "real 1", "real 2", "real 3", "distance")

CHEAP = 1e10
"""Products of pixel values in a search that takes about a second."""


@dataclass(frozen=True)
class Nearest:
    """The K nearest neighbours of N images: distances `[N, K]`, ascending, and indices `[N, K]`, int64."""

    distances: Tensor
    indices: Tensor


def is_cheap(samples: Samples) -> bool:
    """Whether `memorisation` takes about a second at most, and there are enough samples for it."""
    try:
        n = min(MAX_SAMPLES, len(samples.fake), _held_out(samples).count)
    except GanzooError:
        return False
    pixels = samples.spec.shape[0] * math.prod(min(side, MAX_SIDE) for side in samples.spec.shape[1:])
    # Once as they are, and at nine shifts.
    return n >= MIN_SAMPLES and 10 * n * samples.real("train").count * pixels <= CHEAP


def memorisation(samples: Samples) -> Measured:
    """`memorised`, the fraction of samples that may be copies, and `distance-ratio`, from distances to training images.

    The distance is the root mean squared difference of pixel values in [-1, 1]; for the values named `[shifted]`, that
    of the sample shifted by up to one pixel in each direction, whichever is nearest, which also finds shifted copies.
    memorised: the fraction of samples as close to a training image as the closest 1 % of an equal number of held-out
    images: 0.01 for a perfect generator, 1 for one that copies. distance-ratio: the median distance of samples to their
    nearest training image over that of held-out images: 1 for a perfect generator, 0 for one that copies, also below 1
    for images with little detail, above 1 for noise.

    Raises GanzooError without a held-out split, and for fewer than 100 samples or held-out images.
    """
    held_out = _held_out(samples)
    n = min(MAX_SAMPLES, len(samples.fake), held_out.count)
    if n < MIN_SAMPLES:
        raise GanzooError(
            f"memorisation: {n} samples or held-out images are too few: it needs at least {MIN_SAMPLES} of each."
        )
    train = samples.real("train")
    fake = _of_samples(samples).distances[:, 0]
    found = {"[pixels]": (fake[subset(len(fake), n)], _of_held_out(held_out, train, n).distances[:, 0])}
    drawn = samples.fake[_rows_checked(samples)][subset(len(fake), n)]
    kept = held_out.memo.once(("shifted", n), lambda: nearest_when_shifted(_images_of(held_out, n), train))
    found["[shifted]"] = nearest_when_shifted(drawn, train), kept
    values, errors = {}, {}
    for suffix, (fake, real) in found.items():
        typical = real.median()
        memorised = (fake <= real.quantile(QUANTILE)).double().mean().item()
        values[f"memorised{suffix}"] = memorised
        values[f"distance-ratio{suffix}"] = (fake.median() / typical).item()
        errors[f"memorised{suffix}"] = partial(standard_errors.of_fraction, memorised, n)
        errors[f"distance-ratio{suffix}"] = partial(_ratio_error, fake, typical)
    side = max(samples.spec.shape[1:])
    resize = f"average pooling to {MAX_SIDE}x{MAX_SIDE}" if side > MAX_SIDE else "none"
    return Measured(
        values,
        lambda: {name: error() for name, error in errors.items()},
        n_fake=n,
        n_real=len(train),
        split="train",
        held_out=n,
        quantile=QUANTILE,
        features="pixels",
        resize=resize,
    )


def _ratio_error(fake: Tensor, typical: Tensor) -> float:
    return standard_errors.by_leaving_out(len(fake), lambda rows: (fake[rows].median() / typical).item())


class _Centres(Dataset):
    """The images of a data set without the pixels at their borders."""

    def __init__(self, whole: Dataset) -> None:
        super().__init__(whole.arrays, whole.spec, groups=whole.groups, flip=whole.flip)
        self.whole = whole

    def batch(self, index: Tensor) -> Batch:
        return {"x": self.whole.batch(index)["x"][..., 1:-1, 1:-1]}


def nearest_when_shifted(images: Tensor, real: Dataset) -> Tensor:
    """Distances `[N]` of uint8 images to the nearest image of a data set, at the best of nine shifts by a pixel.

    The centres of real images are compared with equally large parts of the others, so that no border is missing.
    """
    height, width = images.shape[2] - 2, images.shape[3] - 2
    parts = [images[..., y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return torch.stack([find_nearest(part, _Centres(real), 1).distances[:, 0] for part in parts]).min(0).values


def draw_neighbours(samples: Samples, path: Path) -> Path:
    """Write a picture of samples, each followed by its three nearest training images, to `path`; returns the path.

    The left half shows the samples closest to a training image, in ascending distance; the right half shows others.
    Beside each is the distance to the nearest.
    Raises GanzooError for samples that are not images.
    """
    if not samples.modality.shows_samples_apart:
        raise GanzooError(
            f"{samples.spec.modality} samples cannot be drawn beside their neighbours: leave out --neighbours."
        )
    found = _of_samples(samples)
    fake, train = samples.fake[_rows_checked(samples)].cpu(), samples.real("train")
    rows = min(SAMPLES_SHOWN, len(fake)) // SAMPLES_PER_ROW
    nearest = found.distances[:, 0].argsort()[:rows]
    others = torch.tensor([i for i in range(len(fake)) if i not in set(nearest.tolist())])[:rows]
    groups = [("closest to a training image", nearest), ("others", others)]
    picture = beside_each_other(
        [
            Block(
                title,
                torch.cat([_with_neighbours(fake, found, train, i) for i in chosen]),
                [f"{float(found.distances[i, 0]):.3f}" for i in chosen],
            )
            for title, chosen in groups
            if len(chosen)
        ],
        HEADS,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return path


def find_nearest(images: Tensor, real: Dataset, k: int = NEAREST) -> Nearest:
    """The `k` nearest images of a data set, including mirrored ones if it has any, to uint8 images `[N, C, H, W]`."""
    k = min(k, len(real))
    wanted = _pixels(images)
    distances = torch.full((len(wanted), k), torch.inf, device=wanted.device)
    indices = torch.zeros(len(wanted), k, dtype=torch.int64, device=wanted.device)
    for rows in torch.arange(len(real)).split(CHUNK_ROWS):
        block = torch.cdist(wanted, _pixels(real.batch(rows)["x"].to(wanted.device)))
        near, at = block.topk(min(k, len(rows)), largest=False)
        distances, chosen = torch.cat([distances, near], 1).topk(k, largest=False)
        indices = torch.cat([indices, rows.to(at.device)[at]], 1).gather(1, chosen)
    return _exact(wanted, real, indices.cpu())


def _exact(wanted: Tensor, real: Dataset, indices: Tensor) -> Nearest:
    """Recompute the distances: the search rounds, as it uses matrix products, and the distance of a copy must be 0."""
    columns = []
    for column in indices.unbind(1):
        parts = zip(wanted.split(CHUNK_ROWS), column.split(CHUNK_ROWS), strict=True)
        gaps = [part - _pixels(real.batch(rows)["x"].to(part.device)) for part, rows in parts]
        columns.append(torch.cat([gap.square().mean(1).sqrt().cpu() for gap in gaps]))
    distances, order = torch.stack(columns, 1).sort(1)
    return Nearest(distances, indices.gather(1, order))


def _pixels(x: Tensor) -> Tensor:
    """Images `[N, C, H, W]`, uint8 or in [-1, 1], as vectors in [-1, 1] of at most 32 x 32 pixels."""
    x = as_input(x).float()
    height, width = x.shape[-2:]
    if max(height, width) > MAX_SIDE:
        x = adaptive_avg_pool2d(x, (min(height, MAX_SIDE), min(width, MAX_SIDE)))
    return x.flatten(1)


def _held_out(samples: Samples) -> Dataset:
    try:
        return samples.real("test")
    except GanzooError as error:
        raise GanzooError(f"memorisation compares with held-out images: {error}") from error


def _rows_checked(samples: Samples) -> Tensor:
    return subset(len(samples.fake), MAX_SAMPLES)


def _of_samples(samples: Samples) -> Nearest:
    return samples.memo.once(
        "nearest training images", lambda: find_nearest(samples.fake[_rows_checked(samples)], samples.real("train"))
    )


def _of_held_out(held_out: Dataset, train: Dataset, n: int) -> Nearest:
    return held_out.memo.once(("nearest training images", n), lambda: find_nearest(_images_of(held_out, n), train))


def _images_of(held_out: Dataset, n: int) -> Tensor:
    """A fixed subset of `n` held-out images, uint8."""
    return to_uint8(held_out.batch(subset(held_out.count, n))["x"])


def _with_neighbours(fake: Tensor, found: Nearest, train: Dataset, i: Tensor) -> Tensor:
    near = train.batch(found.indices[i])["x"].cpu()
    blanks = torch.ones(NEAREST - len(near), *near.shape[1:])
    return torch.cat([as_input(fake[i][None]), near, blanks])
