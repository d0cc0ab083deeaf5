"""The variants and recipes that come with ganzoo."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ganzoo.specs import Variant
from ganzoo.zoo import registry
from ganzoo.zoo.zoo import current_zoo


def bundled_variants() -> dict[str, Variant]:
    """The bundled variants, without those of other installed plugins."""
    zoo = current_zoo()
    return {name: v for name, v in registry.variants().items() if zoo.owner("variants", name).package == "ganzoo"}


def bundled_recipes(datasets: Collection[str]) -> Iterator[str]:
    """The names, VARIANT.RECIPE, of the bundled recipes for any of these data sets."""
    for name, variant in bundled_variants().items():
        yield from (f"{name}.{key}" for key, recipe in variant.recipes.items() if recipe.data.name in datasets)
