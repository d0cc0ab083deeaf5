"""What the contract is checked with: kinds of data that a variant must take, made-up data, and samples to score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import SkipTest

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset, to_uint8
from ganzoo.data.paths import data_root
from ganzoo.data.samples import Samples
from ganzoo.recipes import Data, DataSpec, Recipe
from ganzoo.specs import Variant
from ganzoo.zoo import registry

SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    "image": ((1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64)),
    "points": ((2,),),
}
"""Shapes that a variant of a modality is built for: digits, MNIST, CIFAR-10, faces; points in the plane."""

KNOWN: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("mnist", "fashion-mnist"), (1, 28, 28)),
    **dict.fromkeys(("cifar10", "cifar100", "svhn", "npz"), (3, 32, 32)),
    **dict.fromkeys(("celeba", "folder", "stl10"), (3, 64, 64)),
    "digits": (1, 8, 8),
    "stacked-mnist": (3, 28, 28),
    "points": (2,),
}
"""Shapes of the data sets of the core, which are not read for a check. Of any other, a few samples are read."""

CLASSES = 3


@dataclass(frozen=True)
class Case:
    """One variant, one of its recipes, one shape of data.

    shape: empty if the samples of the recipe's own data set are to be used.
    own: whether this is the shape of the recipe's own data set, for which it must work; any other it may refuse with a
    GanzooError.
    """

    variant: str
    recipe: str
    modality: str
    shape: tuple[int, ...]
    own: bool = False

    def __str__(self) -> str:
        shape = "x".join(str(n) for n in self.shape) or "own data"
        return f"{self.variant}.{self.recipe}-{shape}"


def cases(*names: str) -> list[Case]:
    """Every recipe of the named variants (or of all) with every shape of its kind of data, its own first."""
    chosen = [registry.variants().find(name) for name in names] or list(registry.variants().values())
    return [case for variant in chosen for case in cases_of(variant)]


def cases_of(variant: Variant) -> Iterator[Case]:
    """The cases of a variant, which need not be registered; none for a recipe whose data set is not."""
    for name, recipe in variant.recipes.items():
        found = registry.datasets().get(recipe.data.name)
        if found is None:
            continue
        own = own_shape(recipe)
        yield Case(variant.name, name, found.modality, own, own=True)
        for shape in SHAPES.get(found.modality, ()):
            if shape != own:
                yield Case(variant.name, name, found.modality, shape)


def own_shape(recipe: Recipe) -> tuple[int, ...]:
    """The shape of a recipe's data where it is known without reading them."""
    shape = KNOWN.get(recipe.data.name, ())
    if len(shape) == 3:
        size, channels = recipe.data.size, recipe.data.channels
        return (channels or shape[0], size or shape[1], size or shape[2])
    return shape


def case_data(case: Case, recipe: Recipe) -> Dataset:
    """The data of a case: made up, or read if it is the recipe's own. Raises GanzooError if those cannot be had."""
    if case.shape:
        return example_data(case.modality, case.shape)
    return registry.datasets().find(recipe.data.name).load(recipe.data, data_root(), "train")


def example_data(modality: str, shape: tuple[int, ...], count: int = 32, classes: int = CLASSES) -> Dataset:
    """Made-up samples, labelled when there are classes: uint8 noise for images, normal noise for anything else."""
    generator = torch.Generator().manual_seed(0)
    spec = DataSpec("example", modality, shape, classes, range=(-1.0, 1.0) if modality == "image" else None)
    if modality == "image":
        arrays = {"x": torch.randint(256, (count, *shape), generator=generator, dtype=torch.uint8)}
    else:
        arrays = {"x": torch.randn(count, *shape, generator=generator)}
    if classes:
        arrays["y"] = torch.arange(count) % classes
    return Dataset(arrays, spec)


def example_samples(modality: str, count: int = 800, fake: Tensor | None = None) -> Samples:
    """Samples to score: noisy digits (uint8 `[N, 1, 8, 8]`) or noisy points on a ring (float32 `[N, 2]`), or `fake`.

    Raises SkipTest for other modalities.
    """
    names = {"image": "digits", "points": "points"}
    if modality not in names:
        raise SkipTest(f"there are no examples of {modality} data: call check_metric with samples of your own")
    data = Data(name=names[modality])
    load = registry.datasets().find(data.name).load

    def split(name: str) -> Dataset:
        return load(data, Path(), name)

    dataset = split("train")
    batch = dataset.batch(torch.arange(count))
    if fake is None:
        noise = torch.randn(batch["x"].shape, generator=torch.Generator().manual_seed(0))
        noisy = batch["x"] + 0.3 * noise
        fake = to_uint8(noisy) if modality == "image" else noisy
    return Samples(fake, batch["y"], dataset.spec, data, Path(), 0, split)
