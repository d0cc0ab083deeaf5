"""Names to specs. Every name has one source; asking for a name that is not there suggests those that are near."""

from __future__ import annotations

from typing import Any

from ganzoo.errors import unknown
from ganzoo.recipes import Recipe
from ganzoo.specs import DatasetSpec, LossSpec, MetricSpec, PenaltySpec, Variant
from ganzoo.zoo.tables import Table


def _table(kind: str) -> Any:
    from ganzoo.zoo.zoo import current_zoo

    return current_zoo().tables[kind]


def variants() -> Table[Variant]:
    """All variants."""
    return _table("variants")


def losses() -> Table[LossSpec]:
    """All adversarial losses."""
    return _table("losses")


def penalties() -> Table[PenaltySpec]:
    """All penalties."""
    return _table("penalties")


def datasets() -> Table[DatasetSpec]:
    """All data sets."""
    return _table("datasets")


def metrics() -> Table[MetricSpec]:
    """All metrics."""
    return _table("metrics")


def find_recipe(name: str, dataset: str | None = None) -> tuple[Variant, str, Recipe]:
    """A variant and one of its recipes from `NAME` or `NAME.RECIPE`.

    Without a recipe's name it is the first that was made for `dataset`, else the one that the variant says suits it,
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
