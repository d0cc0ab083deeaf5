"""Inputs of games that draw samples from something: taken from held-out data."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.samples import subset
from ganzoo.errors import GanzooError
from ganzoo.files.typed import require_readable_kind, typed_path
from ganzoo.game import GAN
from ganzoo.recipes import DataSpec
from ganzoo.zoo import registry


def read_samples(path: str | Path, spec: DataSpec) -> tuple[Tensor, list[str]]:
    """Samples like `spec` from the user's file or folder, `[N, *shape]`, and a name for each. Raises GanzooError."""
    file = typed_path(path)
    require_readable_kind(file)
    return registry.modality(spec.modality).read(file, spec)


def inputs_from(dataset: Dataset, gan: GAN, n: int, *, spread: bool = False) -> dict[str, Tensor]:
    """The game's inputs of up to `n` samples of a data set, each `[m, ...]` on the CPU; {} for a game without inputs.

    spread: take a fixed random subset, as scores do, in place of the first samples. Raises GanzooError for an input
    that the data set does not have.
    """
    if not gan.inputs:
        return {}
    batch = dataset.batch(_rows(dataset, n, spread))
    missing = [name for name in gan.inputs if name not in batch]
    if missing:
        raise GanzooError(f"{dataset.spec.name} has no {' and no '.join(missing)} to draw samples from.")
    return {name: batch[name].cpu() for name in gan.inputs}


def targets_of(dataset: Dataset, gan: GAN, n: int, *, spread: bool = True) -> Tensor | None:
    """The samples that belong to the inputs which `inputs_from` takes from a data set, `[m, *shape]` on the CPU.

    None for a game without inputs, and for data whose inputs belong to no sample (they are in another group).
    """
    own = next((group for group in dataset.groups if "x" in group), [])
    if not gan.inputs or not set(gan.inputs) <= set(own):
        return None
    return dataset.batch(_rows(dataset, n, spread))["x"].cpu()


def rows_beside(dataset: Dataset, gan: GAN, n: int) -> dict[str, Tensor]:
    """What a data set holds of the rows which `inputs_from` spreads over it, besides inputs and samples: labels."""
    if not gan.inputs:
        return {}
    own = {name for group in dataset.groups if set(gan.inputs) & set(group) for name in group}
    batch = dataset.batch(_rows(dataset, n, spread=True))
    return {name: batch[name].cpu() for name in own - {"x", *gan.inputs}}


def _rows(dataset: Dataset, n: int, spread: bool) -> Tensor:
    return subset(dataset.count, n) if spread else torch.arange(min(n, dataset.count))
