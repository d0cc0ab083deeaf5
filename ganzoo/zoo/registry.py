"""Names to specs. Each name comes from one plugin; for an unknown name, similar ones are suggested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo.errors import unknown
from ganzoo.recipes import Recipe
from ganzoo.specs import AugmentationSpec, DatasetSpec, LossSpec, MetricSpec, ModalitySpec, PenaltySpec, Variant
from ganzoo.zoo.tables import SpecTable

if TYPE_CHECKING:
    from ganzoo.data.modality import Modality


def _table(kind: str) -> Any:
    from ganzoo.zoo.zoo import current_zoo

    return current_zoo().tables[kind]


def variants() -> SpecTable[Variant]:
    """All variants."""
    return _table("variants")


def losses() -> SpecTable[LossSpec]:
    """All adversarial losses."""
    return _table("losses")


def penalties() -> SpecTable[PenaltySpec]:
    """All penalties."""
    return _table("penalties")


def augmentations() -> SpecTable[AugmentationSpec]:
    """All augmentations."""
    return _table("augmentations")


def datasets() -> SpecTable[DatasetSpec]:
    """All data sets."""
    return _table("datasets")


def metrics() -> SpecTable[MetricSpec]:
    """All metrics."""
    return _table("metrics")


def modalities() -> SpecTable[ModalitySpec]:
    """All kinds of data."""
    return _table("modalities")


def modality(name: str) -> Modality:
    """The modality of that name; for a name that is not registered, one with all defaults."""
    from ganzoo.data.modality import Modality
    from ganzoo.zoo.making import make_modality

    known = modalities()
    return make_modality(known[name]) if name in known else Modality(name)


def find_recipe(name: str, dataset: str | None = None) -> tuple[Variant, str, Recipe]:
    """A variant and one of its recipes from `NAME` or `NAME.RECIPE`.

    Without a recipe's name: the first recipe for `dataset`, else the one that the variant's `for_data` names for it,
    else the first for data of the same modality, else the default.
    """
    variant_name, dot, recipe_name = name.partition(".")
    variant = variants().find(variant_name)
    if dot:
        if recipe_name not in variant.recipes:
            raise unknown(f"recipe of {variant_name}", recipe_name, variant.recipes, f"(`ganzoo show {variant_name}`)")
        return variant, recipe_name, variant.recipes[recipe_name]
    recipe_name = variant.default
    if dataset is not None:
        modality = datasets().find(dataset).modality
        same = [key for key, recipe in variant.recipes.items() if _modality(recipe) == modality]
        exact = [key for key, recipe in variant.recipes.items() if recipe.data.name == dataset]
        suited = [variant.for_data[dataset]] if dataset in variant.for_data else []
        recipe_name = [*exact, *suited, *same, recipe_name][0]
    return variant, recipe_name, variant.recipes[recipe_name]


def _modality(recipe: Recipe) -> str:
    spec = datasets().get(recipe.data.name)
    return spec.modality if spec else ""
