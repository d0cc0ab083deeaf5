"""Inputs of the contract's checks: shapes of data that a variant must accept, synthetic data, and samples to score."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from unittest import SkipTest

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.paths import data_root
from ganzoo.data.resize import height_width
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation.abilities import missing
from ganzoo.game import GAN
from ganzoo.recipes import Data, DataSpec, Recipe
from ganzoo.specs import Variant
from ganzoo.zoo import registry
from ganzoo.zoo.making import make_game

KNOWN_SHAPES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("mnist", "fashion-mnist"), (1, 28, 28)),
    **dict.fromkeys(("cifar10", "cifar100", "svhn", "npz"), (3, 32, 32)),
    **dict.fromkeys(("celeba", "folder", "photo-crops", "stl10"), (3, 64, 64)),
    "digits": (1, 8, 8),
    "stacked-mnist": (3, 28, 28),
    "points": (2,),
}
"""Shapes of the core's data sets, which are not read for a check. Other data sets are read."""

CLASSES = 3


@dataclass(frozen=True)
class Case:
    """One variant, one of its recipes, one shape of data.

    shape: empty to use the samples of the recipe's own data set.
    own: whether this is the shape of the recipe's own data set, which it must accept; it may refuse any other with a
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
    """The cases of a variant, registered or not; none for a recipe whose data set is not registered."""
    for name, recipe in variant.recipes.items():
        found = registry.datasets().get(recipe.data.name)
        if found is None:
            continue
        # Only a data set of its own has the inputs that a variant needs.
        own = own_shape(recipe) if not variant.inputs else ()
        yield Case(variant.name, name, found.modality, own, own=True)
        if variant.inputs:
            continue
        for shape in registry.modality(found.modality).example_shapes:
            if shape != own:
                yield Case(variant.name, name, found.modality, shape)


def own_shape(recipe: Recipe) -> tuple[int, ...]:
    """The shape of a recipe's data if it is known without reading them, else ()."""
    shape = KNOWN_SHAPES.get(recipe.data.name, ())
    if len(shape) == 3:
        size, channels = recipe.data.size, recipe.data.channels
        return (channels or shape[0], *(shape[1:] if size is None else height_width(size)))
    return shape


def case_data(case: Case, recipe: Recipe) -> Dataset:
    """The data of a case: synthetic, or read if it is the recipe's own. GanzooError if that is not available."""
    if case.shape:
        return example_data(case.modality, case.shape)
    return registry.datasets().find(recipe.data.name).load(recipe.data, data_root(), "train")


def example_data(modality: str, shape: tuple[int, ...], count: int = 32, classes: int = CLASSES) -> Dataset:
    """Synthetic samples of a modality, labelled if there are classes: noise, unless the modality defines others."""
    kind = registry.modality(modality)
    spec = DataSpec("example", modality, shape, classes, range=kind.example_range)
    arrays = {"x": kind.example(shape, count, torch.Generator().manual_seed(0))}
    if classes:
        arrays["y"] = torch.arange(count) % classes
    return Dataset(arrays, spec)


def example_samples(
    modality: str, count: int = 800, fake: Tensor | None = None, needs: tuple[str, ...] = ()
) -> Samples:
    """Samples to score: up to `count` real ones of the modality's example data set, with noise, or `fake`.

    They are noisy digits (uint8 `[N, 1, 8, 8]`) for images and noisy points on a ring (float32 `[N, 2]`) for points;
    integers are real ones of random positions. needs: what their game must have, as in `MetricSpec.needs`. Raises
    SkipTest for modalities without an example data set, and if no registered variant has what is needed.
    """
    kind = registry.modality(modality)
    if not kind.example_dataset:
        raise SkipTest(f"there are no examples of {modality} data: call check_metric with your own samples")
    data = Data(name=kind.example_dataset, size=kind.example_size)
    load = registry.datasets().find(data.name).load

    def split(name: str) -> Dataset:
        return load(data, data_root(), name)

    dataset = split("train")
    batch = dataset.batch(torch.arange(min(count, dataset.count)))
    if fake is None:
        fake = kind.scored(_disturbed(batch["x"]))
    game = example_game(dataset.spec, needs) if needs else None
    return Samples(fake, batch.get("y"), dataset.spec, data, data_root(), 0, split, kind, generator=game)


def example_game(spec: DataSpec, needs: tuple[str, ...]) -> GAN:
    """An untrained game for such data that has what is needed. Raises SkipTest if no registered variant has it."""
    for variant in registry.variants().values():
        if spec.modality in variant.modalities and set(variant.inputs) <= set(spec.inputs):
            with contextlib.suppress(GanzooError):
                game = make_game(variant, variant.recipes[variant.default], spec)
                if not missing(needs, game):
                    return game.eval()
    raise SkipTest(f"no registered variant has {' and '.join(needs)}: call check_metric with your own samples")


def _disturbed(x: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    if x.is_floating_point():
        return x + 0.3 * torch.randn(x.shape, generator=generator)
    # Of each position, the values of another sample.
    others = torch.rand(x.shape, generator=generator).argsort(0)
    return x.gather(0, others)
