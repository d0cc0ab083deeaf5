"""Calls the functions of cards, and checks what they return before anything relies on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.modality import Modality
from ganzoo.errors import GanzooError
from ganzoo.game import GAN, AdversarialLoss, Augmentation, Penalty
from ganzoo.recipes import DataSpec, Recipe
from ganzoo.specs import AugmentationSpec, LossSpec, ModalitySpec, PenaltySpec, Variant
from ganzoo.zoo.boundary import kind_of, refusing
from ganzoo.zoo.cards import SINGULAR
from ganzoo.zoo.zoo import current_zoo

FEW = 8
"""Samples of a data set that are read to check it."""


def make_game(variant: Variant, recipe: Recipe, data: DataSpec) -> GAN:
    """The game of a variant. Raises GanzooError if a third-party one fails, and for anything but a GAN."""
    with _calling("variants", variant.name) as what:
        gan = variant.build(recipe, data)
    return _require(isinstance(gan, GAN), gan, f"build of {what}", "a ganzoo.game.GAN")


def make_loss(spec: LossSpec, options: Mapping[str, float]) -> AdversarialLoss:
    """A loss with its options. Raises GanzooError as `make_game` does."""
    with _calling("losses", spec.name) as what:
        loss = spec.build(**options)
        methods = [callable(getattr(loss, name, None)) for name in ("discriminator", "generator")]
        complete = all(methods) and isinstance(getattr(loss, "paired", None), bool)
    return _require(complete, loss, f"build of {what}", "an object with discriminator(), generator() and paired")


def make_penalty(spec: PenaltySpec, options: Mapping[str, float]) -> Penalty:
    """A penalty with its options. Raises GanzooError as `make_game` does."""
    with _calling("penalties", spec.name) as what:
        penalty = spec.build(**options)
    return _require(callable(penalty), penalty, f"build of {what}", "a function or an object that can be called")


def make_augmentation(spec: AugmentationSpec, options: Mapping[str, float]) -> Augmentation:
    """An augmentation with its options. Raises GanzooError as `make_game` does."""
    with _calling("augmentations", spec.name) as what:
        made = spec.build(**options)
    return _require(isinstance(made, Augmentation), made, f"build of {what}", "a ganzoo.game.Augmentation")


def make_modality(spec: ModalitySpec) -> Modality:
    """A kind of data. Raises GanzooError as `make_game` does."""
    with _calling("modalities", spec.name) as what:
        modality = spec.load(spec.name)
    return _require(isinstance(modality, Modality), modality, f"load of {what}", "a ganzoo.modalities.Modality")


def make_dataset(name: str, package: str, load: Callable[[], Any]) -> Dataset:
    """A third-party data set. Raises GanzooError if its loader fails, and if its first samples are not as it says."""
    what = f"the data set {name!r} of the package {package}"
    with refusing(what):
        dataset = load()
        _require(isinstance(dataset, Dataset), dataset, f"load of {what}", "a ganzoo.data.dataset.Dataset")
        problem = _mismatch(dataset)
    if problem:
        raise GanzooError(f"{what} is not what its DataSpec says: {problem}.")
    return cast(Dataset, dataset)


def _mismatch(dataset: Dataset) -> str:
    """What is wrong with a data set; "" if nothing is."""
    spec = dataset.spec
    if not isinstance(spec, DataSpec):
        return f"its spec is {kind_of(spec)}"
    if len(dataset) < 1:
        return "it has no samples"
    batch = dataset.batch(torch.arange(min(FEW, len(dataset))))
    for name in batch:
        part = batch[name]
        if not isinstance(part, Tensor) or len(part) != min(FEW, len(dataset)):
            return f"{name!r} has no row for each sample"
        if part.is_floating_point() and part.dtype != torch.float32:
            return f"{name!r} is {part.dtype}: store uint8 images or float32"
        if name != "y" and part.is_floating_point() and not part.isfinite().all():
            return f"{name!r} has values that are not finite"
    if "x" in batch and batch["x"].dtype not in (torch.float32, torch.int64):
        return f"samples 'x' are {batch['x'].dtype}: store float32, uint8 (images) or int64 (tokens)"
    if "x" in batch and tuple(batch["x"].shape[1:]) != tuple(spec.shape):
        return f"samples 'x' are of the shape {tuple(batch['x'].shape[1:])}, not {tuple(spec.shape)}"
    if spec.classes and "y" not in batch:
        return f"there are no labels 'y' for its {spec.classes} classes"
    if spec.classes:
        y = dataset.arrays.get("y", batch["y"])
        y = torch.as_tensor(y) if not isinstance(y, Tensor) else y
        inside = not y.is_floating_point() and y.ndim == 1 and int(y.min()) >= 0 and int(y.max()) < spec.classes
        return "" if inside else f"labels 'y' are not class numbers from 0 to {spec.classes - 1}"
    return ""


def _calling(kind: str, name: str) -> AbstractContextManager[str]:
    """Within this block, whatever the function of a third-party plugin raises is a GanzooError that names it.

    The block is given the words for it. What ships with ganzoo, and a card that is not registered, raise as they do.
    """
    plugin = next((plugin for plugin in current_zoo().plugins if name in plugin.adds.get(kind, [])), None)
    what = f"the {SINGULAR[kind]} {name!r}"
    if plugin is None or plugin.package == "ganzoo":
        return nullcontext(what)
    return refusing(f"{what} of {plugin.source}")


def _require(fits: bool, made: Any, what: str, wanted: str) -> Any:
    if not fits:
        raise GanzooError(f"{what} must return {wanted}, not {kind_of(made)}.")
    return made
