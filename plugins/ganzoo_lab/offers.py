"""What the page offers to play."""

from __future__ import annotations

from typing import Any

from ganzoo.zoo import registry


def zoo() -> dict[str, Any]:
    """What can be played: variants with their recipes, data sets by kind, losses, penalties, augmentations."""
    return {
        "variants": [
            {
                "name": variant.name,
                "summary": variant.summary,
                "lesson": variant.lesson,
                "modalities": list(variant.modalities),
                "recipes": {name: recipe.data.name for name, recipe in variant.recipes.items()},
            }
            for variant in registry.variants().values()
        ],
        "datasets": [
            {
                "name": data.name,
                "modality": data.modality,
                "kinds": list(data.kinds),
                "argument": data.argument,
                "here": data.at_hand,
            }
            for data in registry.datasets().values()
        ],
        "losses": list(registry.losses()),
        "penalties": list(registry.penalties()),
        "augmentations": list(registry.augmentations()),
    }
