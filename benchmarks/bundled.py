"""The recipes that come with ganzoo."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ganzoo.zoo import registry
from ganzoo.zoo.zoo import current_zoo


def bundled_recipes(datasets: Collection[str]) -> Iterator[str]:
    """The names, VARIANT.RECIPE, of the bundled recipes for any of these data sets."""
    for name, variant in registry.variants().items():
        if current_zoo().owner("variants", name).package == "ganzoo":
            yield from (f"{name}.{key}" for key, recipe in variant.recipes.items() if recipe.data.name in datasets)
