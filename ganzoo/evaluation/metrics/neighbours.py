"""Memorisation: samples beside their nearest training images, and whether held-out images come as near."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ganzoo.data.dataset import Dataset, as_input
from ganzoo.data.samples import Measured, Samples, subset
from ganzoo.errors import GanzooError
from ganzoo.pictures import sheets

MAX_SAMPLES = 2_000
MIN_SAMPLES = 100
QUANTILE = 0.01
MAX_SIDE = 32
"""Pixels on a side at which images are compared; larger ones are averaged down, so that a search takes seconds."""

CHUNK_ROWS = 4_096
SAMPLES_SHOWN, SAMPLES_PER_ROW = 24, 2
NEAREST = 3


@dataclass(frozen=True)
class Nearest:
    """Of N images the K nearest others: distances `[N, K]`, nearest first, and which they are, int64 `[N, K]`."""

    distances: Tensor
    indices: Tensor


def memorisation(samples: Samples) -> Measured:
    """`memorised`, the fraction of samples that may be copies, and `distance-ratio`, by distance to training images.

    The distance is the root of the mean squared difference of pixel values, which range from -1 to 1. memorised: the
    fraction of samples as near to a training image as the nearest 1 % of as many held-out images are: 0.01 for a
    perfect generator, 1 for one that copies. distance-ratio: the median distance of samples over that of held-out
    images: 1 for a perfect generator, 0 for one that copies, below 1 also for one of few details, above 1 for noise.

    Raises GanzooError without held-out images, and for fewer than 100 of them or of samples.
    """
    held_out = _held_out(samples)
    n = min(MAX_SAMPLES, len(samples.fake), held_out.count)
    if n < MIN_SAMPLES:
        raise GanzooError(f"memorisation: {n} samples or held-out images are too few, it takes {MIN_SAMPLES} of each.")
    train = samples.real("train")
    fake = _of_samples(samples).distances[:, 0]
    real = _of_held_out(held_out, train, n).distances[:, 0]
    fake = fake[subset(len(fake), n)]
    values = {
        "memorised[pixels]": (fake <= real.quantile(QUANTILE)).double().mean().item(),
        "distance-ratio[pixels]": (fake.median() / real.median()).item(),
    }
    side = max(samples.spec.shape[1:])
    resize = f"average pooling to {MAX_SIDE}x{MAX_SIDE}" if side > MAX_SIDE else "none"
    return Measured(
        values,
        n_fake=n,
        n_real=len(train),
        split="train",
        held_out=n,
        quantile=QUANTILE,
        features="pixels",
        resize=resize,
    )


def draw_neighbours(samples: Samples, path: Path) -> Path:
    """Draw samples, each followed by its three nearest training images, into a picture at `path`; returns the path.

    The left half shows the samples that are nearest to a training image, nearest first; the right half any others.
    Raises GanzooError for samples that are no images.
    """
    if not samples.modality.shows_samples_apart:
        raise GanzooError(f"{samples.spec.modality} data have no picture of neighbours: leave --neighbours out.")
    found = _of_samples(samples)
    fake, train = samples.fake[_rows_checked(samples)].cpu(), samples.real("train")
    rows = min(SAMPLES_SHOWN, len(fake)) // SAMPLES_PER_ROW
    nearest = found.distances[:, 0].argsort()[:rows]
    others = torch.tensor([i for i in range(len(fake)) if i not in set(nearest.tolist())])[:rows]
    tiles = []
    for left, right in zip(nearest, others, strict=True):
        tiles += [
            _with_neighbours(fake, found, train, left),
            torch.ones(1, *fake.shape[1:]),
            _with_neighbours(fake, found, train, right),
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    sheets.sheet(torch.cat(tiles), SAMPLES_PER_ROW * (1 + NEAREST) + 1).save(path)
    return path


def find_nearest(images: Tensor, real: Dataset, k: int = NEAREST) -> Nearest:
    """The `k` nearest of a data set (with its mirror images, if it has them) to uint8 images `[N, C, H, W]`."""
    k = min(k, len(real))
    wanted = _pixels(images)
    distances = torch.full((len(wanted), k), torch.inf, device=wanted.device)
    indices = torch.zeros(len(wanted), k, dtype=torch.int64, device=wanted.device)
    for rows in torch.arange(len(real)).split(CHUNK_ROWS):
        distances_here = torch.cdist(wanted, _pixels(real.batch(rows)["x"].to(wanted.device)))
        near, at = distances_here.topk(min(k, len(rows)), largest=False)
        distances, chosen = torch.cat([distances, near], 1).topk(k, largest=False)
        indices = torch.cat([indices, rows.to(at.device)[at]], 1).gather(1, chosen)
    return _exact(wanted, real, indices.cpu())


def _exact(wanted: Tensor, real: Dataset, indices: Tensor) -> Nearest:
    """The distances once more: those of a search by matrix products are off by rounding, and a copy's must be 0."""
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
        raise GanzooError(f"memorisation is measured against held-out images: {error}") from error


def _rows_checked(samples: Samples) -> Tensor:
    return subset(len(samples.fake), MAX_SAMPLES)


def _of_samples(samples: Samples) -> Nearest:
    return samples.memo.once(
        "nearest training images", lambda: find_nearest(samples.fake[_rows_checked(samples)], samples.real("train"))
    )


def _of_held_out(held_out: Dataset, train: Dataset, n: int) -> Nearest:
    return held_out.memo.once(
        ("nearest training images", n), lambda: find_nearest(held_out.batch(subset(held_out.count, n))["x"], train)
    )


def _with_neighbours(fake: Tensor, found: Nearest, train: Dataset, i: Tensor) -> Tensor:
    near = train.batch(found.indices[i])["x"].cpu()
    blanks = torch.ones(NEAREST - len(near), *near.shape[1:])
    return torch.cat([as_input(fake[i][None]), near, blanks])
