"""The loss, the penalties and the augmentation that a recipe names, with their options checked."""

from __future__ import annotations

from collections.abc import Mapping

from ganzoo.errors import GanzooError
from ganzoo.game import AdversarialLoss, Augmentation, Penalty
from ganzoo.recipes import DataSpec, Term, TwoPlayerRecipe
from ganzoo.specs import AugmentationSpec, LossSpec, PenaltySpec
from ganzoo.zoo import registry
from ganzoo.zoo.making import make_augmentation, make_loss, make_penalty


def build_loss(recipe: TwoPlayerRecipe) -> AdversarialLoss:
    """The loss that a recipe names. Raises GanzooError for an unknown name or option."""
    spec = registry.losses().find(recipe.loss)
    check_options(spec, recipe.loss_options, "loss")
    return make_loss(spec, recipe.loss_options)


def build_penalties(recipe: TwoPlayerRecipe) -> dict[str, tuple[Penalty, Term]]:
    """The penalties that a recipe names, with their terms. Raises GanzooError for an unknown name or option."""
    known, made = registry.penalties(), {}
    for name, term in recipe.penalties.items():
        check_options(known.find(name), term.options, f"penalties.{name}")
        made[name] = (make_penalty(known.find(name), term.options), term)
    return made


def build_augmentation(recipe: TwoPlayerRecipe, data: DataSpec) -> Augmentation | None:
    """The augmentation that a recipe names; None for none. Raises GanzooError as `from_recipe` does."""
    if recipe.augment is None:
        if recipe.augment_options:
            raise GanzooError("augment_options has no meaning without augment: add --set augment=NAME.")
        return None
    spec = registry.augmentations().find(recipe.augment)
    if data.modality not in spec.modalities:
        kinds = " or ".join(spec.modalities)
        raise GanzooError(f"the augmentation {spec.name!r} is for data of the kind {kinds}, not {data.modality}.")
    check_options(spec, recipe.augment_options, "augment")
    made = make_augmentation(spec, recipe.augment_options)
    made.batch = recipe.batch
    return made


def check_options(spec: LossSpec | PenaltySpec | AugmentationSpec, options: Mapping[str, float], key: str) -> None:
    """Raise GanzooError for an option that the spec does not have, or a value outside its bounds.

    key: the recipe key that names it, "loss" for `loss_options`, "penalties.r1" for `penalties.r1.options`.
    """
    known = {option.name: option for option in spec.options}
    what, options_key = ("penalty", f"{key}.options") if isinstance(spec, PenaltySpec) else (key, f"{key}_options")
    for name, value in options.items():
        if name not in known:
            has = "it has " + ", ".join(known) if known else "it has none"
            raise GanzooError(f"{what} {spec.name!r} has no option {name!r}: {has}.")
        if not known[name].allows(value):
            raise GanzooError(f"{options_key}.{name}: expected a number {known[name].bounds}, not {value:g}.")
