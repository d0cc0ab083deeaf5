"""Toy distributions in the plane, where mode collapse can be seen and counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ganzoo.data.common import check_points, check_request, point_dataset
from ganzoo.data.dataset import Dataset
from ganzoo.errors import unknown
from ganzoo.recipes import Data

DEFAULT = "ring"
KINDS = ("ring", "grid", "swiss-roll", "moons")
COUNTS = {"train": 65_536, "test": 10_000}
SEEDS = {"train": 20_170_425, "test": 20_170_426}


def load(data: Data, root: Path, split: str) -> Dataset:
    """Points float32 `[N, 2]`, roughly within -2..2 (the grid within -4..4): 65,536 for training, 10,000 for testing.

    The data set is fixed: it does not depend on the recipe's seed. Labels are the index of the mode for `ring` (8) and
    `grid` (25); the others have none. `root` is not used. Raises GanzooError for an unknown kind or split, a path, and
    image settings.
    """
    check_request("points", data, split, argument="kind")
    check_points("points", data)
    kind = _known(data.kind)
    # NumPy guarantees the stream of RandomState; that of default_rng may change, and the data set with it.
    random = np.random.RandomState(SEEDS[split])
    gaussians, count = modes(kind), COUNTS[split]
    if gaussians is None:
        values = _swiss_roll(count, random) if kind == "swiss-roll" else _moons(count, random)
        return point_dataset("points", torch.from_numpy(values.astype(np.float32)), data)
    centres, std = gaussians
    labels = random.randint(len(centres), size=count)
    values = centres[labels] + std * random.standard_normal((count, 2))
    points = torch.from_numpy(values.astype(np.float32))
    return point_dataset("points", points, data, labels=torch.from_numpy(labels), classes=len(centres))


def modes(kind: str) -> tuple[np.ndarray, float] | None:
    """The modes of a mixture of equally likely Gaussians: centres float64 `[K, 2]` and the standard deviation of each.

    ring: 8 on a circle of radius 2, 0.02 (Metz et al. 2017, https://arxiv.org/abs/1611.02163).
    grid: 5x5 from -4 to 4 in steps of 2, 0.05 (Lin et al. 2018, PacGAN, https://arxiv.org/abs/1712.04086).
    An empty kind is the default, ring. None for kinds that are not a mixture. Raises GanzooError for an unknown kind.
    """
    kind = _known(kind)
    if kind == "ring":
        angles = np.arange(8) * (2 * np.pi / 8)
        return 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1), 0.02
    if kind == "grid":
        steps = np.arange(-4.0, 5.0, 2.0)
        return np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2), 0.05
    return None


def _known(kind: str) -> str:
    if kind and kind not in KINDS:
        raise unknown("kind of points", kind, KINDS, "Type --dataset points:KIND.")
    return kind or DEFAULT


def _swiss_roll(count: int, random: np.random.RandomState) -> np.ndarray:
    """The spiral (t cos t, t sin t), t from 1.5 pi to 4.5 pi, divided by 7 so that its radius is about 2."""
    t = 1.5 * np.pi * (1 + 2 * random.random_sample(count))
    noise = 0.25 * random.standard_normal((count, 2))
    return (np.stack([t * np.cos(t), t * np.sin(t)], axis=1) + noise) / 7


def _moons(count: int, random: np.random.RandomState) -> np.ndarray:
    """Two interleaved half circles of radius 1, noise 0.05, centred and scaled by 4/3 so that they span -2 to 2."""
    angle = np.pi * random.random_sample(count)
    lower = random.random_sample(count) < 0.5
    x = np.where(lower, 1 - np.cos(angle), np.cos(angle))
    y = np.where(lower, 0.5 - np.sin(angle), np.sin(angle))
    noise = 0.05 * random.standard_normal((count, 2))
    return (np.stack([x - 0.5, y - 0.25], axis=1) + noise) * (4 / 3)
