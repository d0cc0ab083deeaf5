"""What shells complete: names in the registry, recipe keys and their values, and fixed words."""

from __future__ import annotations

import contextlib
from typing import Any

import click

from ganzoo.errors import GanzooError


def complete(*kinds: str) -> Any:
    """Shell completion of registered names of some kinds; of variants also NAME.RECIPE, of points also points:KIND."""

    def names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        from ganzoo.zoo import registry

        known: list[str] = []
        for kind in kinds:
            with contextlib.suppress(GanzooError):
                table = getattr(registry, kind)()
                # Not list(...): once the `list` command is imported, that name is its module in this package.
                known += [*table]
                if kind == "variants":
                    known += [f"{v.name}.{recipe}" for v in table.values() for recipe in v.recipes]
                if kind == "datasets":
                    known += [f"{spec.name}:{value}" for spec in table.values() for value in spec.kinds]
        return [name for name in known if name.startswith(incomplete)]

    return names


def complete_keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion of `--set`: the keys of the variant that was typed, each with an equals sign."""
    from ganzoo.recipes import TwoPlayerRecipe
    from ganzoo.zoo import config, registry

    recipe: Any = TwoPlayerRecipe()
    with contextlib.suppress(GanzooError):
        # While an option is being typed, the arguments before it are not parsed yet.
        recipe = registry.find_recipe((ctx.args or [""])[0])[2]
    name, equals, start = incomplete.partition("=")
    if equals:
        values: dict[str, Any] = {
            "loss": registry.losses,
            "augment": registry.augmentations,
            "penalties": registry.penalties,
        }
        return [f"{name}={value}" for value in (values[name]() if name in values else ()) if value.startswith(start)]
    return [f"{key.path}=" for key in config.keys(recipe) if key.path.startswith(incomplete)]


def complete_words(*words: str) -> Any:
    """Shell completion of fixed words, the last of several that commas separate."""

    def found(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{word}" for word in words if word.startswith(last)]

    return found


def complete_metrics(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion of metrics, the last of several that commas separate."""
    from ganzoo.zoo import registry

    found: list[str] = complete_words(*registry.metrics(), "fid")(ctx, param, incomplete)
    return found
