"""The real data that samples are compared with, and how samples are to be scored."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.modality import Modality
from ganzoo.data.paths import data_root
from ganzoo.data.samples import MINIMUM, Samples
from ganzoo.errors import GanzooError, unknown
from ganzoo.evaluation.features.names import INCEPTION
from ganzoo.evaluation.features.names import names as feature_names
from ganzoo.files.typed import typed_path
from ganzoo.game import GAN
from ganzoo.machine.rank_group import RankGroup
from ganzoo.recipes import Data, DataSpec, RunOptions
from ganzoo.runs.sampling import Draw, chunk_sampler, random_labels
from ganzoo.zoo import registry
from ganzoo.zoo.datasets import load_data
from ganzoo.zoo.synonyms import other_names, same_name

MOST_BYTES = 2**31
"""Samples to be scored take no more memory than this by default, enough for 10,000 images of 256x256 in RGB."""

FEWEST = 250
"""Real samples by which a generator is scored by default; fewer say too little."""


@dataclass(frozen=True)
class Request:
    """How to score samples.

    metrics: names in `ganzoo list metrics`, or None for those computed by default. n: number of samples.
    features, weights: as in `Samples`. seed: of the samples drawn from a run. data: where a run's own data are now;
    other_data: whether they may be others than it was trained on. averaged: whether a run's averaged weights are
    scored, not those as trained.
    """

    metrics: tuple[str, ...] | None = None
    n: int | None = None
    features: str = "auto"
    weights: Path | None = None
    seed: int | None = None
    data: str | None = None
    other_data: bool = False
    averaged: bool = True


def make_request(
    metrics: Iterable[str] | str | None = None,
    n: int | None = None,
    features: str = "auto",
    weights: str | Path | None = None,
    seed: int | None = None,
) -> Request:
    """A checked request. The metric `fid` becomes `fd` on the features that FID is defined on.

    Raises GanzooError for an unknown name, and for `fid` on other features.
    """
    if features not in ("auto", *feature_names()):
        raise unknown("feature space", features, ("auto", *feature_names()))
    if metrics is None:
        names = None
    else:
        given = metrics.split(",") if isinstance(metrics, str) else metrics
        names = tuple(dict.fromkeys(name.strip() for name in given if name.strip()))
        if not names:
            raise GanzooError("no metric is named: leave --metrics out, or name some of `ganzoo list metrics`.")
        names, features = _resolve_fid(names, features)
    if n is not None and n < 1:
        raise GanzooError(f"cannot score {n} samples: at least one is needed.")
    return Request(names, n, features, None if weights is None else typed_path(weights), seed)


def _resolve_fid(names: tuple[str, ...], features: str) -> tuple[tuple[str, ...], str]:
    known = registry.metrics()
    allowed = [*known, "fid"]
    names = tuple(same_name(name, allowed) or name for name in names)
    for name in names:
        if name not in allowed:
            raise unknown("metric", name, allowed, "(`ganzoo list metrics`)", other_names(name, allowed))
    if "fid" not in names or "fid" in known:
        return names, features
    if features not in ("auto", INCEPTION):
        raise GanzooError(f"FID is the Frechet distance on {INCEPTION} features: with --features {features}, use fd.")
    return tuple(dict.fromkeys("fd" if name == "fid" else name for name in names)), INCEPTION


def labels_like(train: Dataset, classes: int) -> Tensor | None:
    """The real labels `[N]`, int64, that the labels of samples follow; None if the data have others, or none."""
    y = train.arrays.get("y") if train.spec.classes == classes else None
    return None if y is None else torch.as_tensor(y).cpu().long()


class Reference:
    """The real data that samples are compared with; each split is read once.

    train: the training split, if it has been read already.
    """

    def __init__(self, data: Data, options: RunOptions, train: Dataset | None = None) -> None:
        self.data, self.options = data, options
        self._splits = {} if train is None else {"train": train}

    def load(self, split: str) -> Dataset:
        """The split "train" or "test". Raises GanzooError if the data set does not have it."""
        if split not in self._splits:
            self._splits[split] = load_data(self.data, self.options, split)
        return self._splits[split]

    @property
    def spec(self) -> DataSpec:
        return self.load("train").spec

    @property
    def modality(self) -> Modality:
        return registry.modality(self.spec.modality)

    def default_samples(self, with_real: bool = True) -> int:
        """How many samples to draw for a score: the literature's number for the data set, else the modality's.

        with_real: not more than there are real samples outside the split compared with, so that as many real ones can
        be scored; unless these are fewer than 250.
        """
        train = self.load("train").count
        try:
            test = self.load("test").count
        except GanzooError:
            test = 0
        known = registry.datasets().get(self.data.name)
        n = (known.samples if known is not None else 0) or self.modality.default_samples(train, test)
        n = min(n, max(MINIMUM, MOST_BYTES // (math.prod(self.spec.shape) * self.modality.value_bytes)))
        outside = test if self.modality.reference_split(self.load) == "train" else train
        return min(n, outside) if with_real and outside >= FEWEST else n

    def labels(self, gan: GAN, n: int, seed: int) -> Tensor | None:
        """Class numbers `[n]` of samples to be scored (`random_labels`); None for a game that is not conditional.

        They are as frequent as the reference's training labels, if these are the game's classes.
        """
        if not gan.classes:
            return None
        return random_labels(n, gan.classes, seed, None if gan.codes else labels_like(self.load("train"), gan.classes))

    def samples(self, fake: Tensor, labels: Tensor | None, request: Request, seed: int, **more: Any) -> Samples:
        """Samples to score against this reference."""
        return Samples(
            fake=fake,
            labels=labels,
            spec=self.spec,
            data=self.data,
            root=data_root(self.options.data_root),
            seed=seed,
            load=self.load,
            modality=self.modality,
            features=request.features,
            weights=request.weights,
            **more,
        )


def draw(group: RankGroup, gan: GAN, name: str, wanted: Draw, prepare: Callable[[Tensor], Tensor]) -> Tensor:
    """Samples `[n, *shape]` to score, drawn by all ranks; `name` is the variant's.

    The first rank has all of them; on the others only their own rows are filled in. prepare: turns drawn samples into
    those to score. Raises the errors of `ganzoo.runs.sampling.draw`.
    """
    with chunk_sampler(gan, name, wanted) as sample:
        (fake,) = group.map_rows_or_stop(wanted.n, lambda rows: [prepare(sample(rows))])
    return fake


def feature_device(device: torch.device) -> torch.device:
    """Where features are computed: a device without float64 leaves them to the CPU."""
    return device if device.type == "cuda" else torch.device("cpu")
