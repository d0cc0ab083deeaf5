"""Registered specs by name, checked before they are added."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

from ganzoo.errors import GanzooError, unknown
from ganzoo.recipes import Recipe
from ganzoo.specs import AugmentationSpec, DatasetSpec, LossSpec, MetricSpec, ModalitySpec, PenaltySpec, Variant

Spec = TypeVar("Spec")

TYPES: dict[str, type] = {
    "variants": Variant,
    "losses": LossSpec,
    "penalties": PenaltySpec,
    "augmentations": AugmentationSpec,
    "datasets": DatasetSpec,
    "metrics": MetricSpec,
    "modalities": ModalitySpec,
}
SINGULAR = {
    "variants": "variant",
    "losses": "loss",
    "penalties": "penalty",
    "augmentations": "augmentation",
    "datasets": "data set",
    "metrics": "metric",
    "modalities": "modality",
}
FACTORIES = {
    "variants": "build",
    "losses": "build",
    "penalties": "build",
    "augmentations": "build",
    "datasets": "load",
    "metrics": "compute",
    "modalities": "load",
}
VALID_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class SpecTable(Mapping[str, Spec], Generic[Spec]):
    """The specs of one kind by name, each with the plugin that it came from.

    hint: the end of a message about an unknown name.
    """

    def __init__(self, kind: str, hint: Callable[[str], str] = lambda name: "") -> None:
        self.kind, self.hint = kind, hint
        self._specs: dict[str, Spec] = {}
        self._sources: dict[str, str] = {}

    def __getitem__(self, name: str) -> Spec:
        return self._specs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def find(self, name: str) -> Spec:
        """The spec of that name; GanzooError with suggestions if there is none."""
        if name not in self._specs:
            see = f"(`ganzoo list {self.kind}`){self.hint(name)}"
            raise unknown(SINGULAR[self.kind], name, self._specs, see)
        return self._specs[name]

    def source(self, name: str) -> str:
        """The plugin that registered the name."""
        return self._sources[name]

    def check(self, spec: Any, source: str) -> None:
        """Raise GanzooError if the spec cannot be added: wrong type, invalid name, name taken (naming both sources)."""
        what = SINGULAR[self.kind]
        if not isinstance(spec, TYPES[self.kind]):
            wanted = TYPES[self.kind].__name__
            raise GanzooError(f"{source}: ganzoo_{self.kind} must return {wanted} objects, not {type(spec).__name__}.")
        name = getattr(spec, "name", None)
        if not isinstance(name, str) or not VALID_NAME.fullmatch(name):
            raise GanzooError(f"{source}: {what} name {name!r} must be lower-case letters, digits and single hyphens.")
        if name in self._specs:
            other = self._sources[name]
            raise GanzooError(f"{what} {name!r} of {source} is already registered by {other}: rename one.")
        factory = FACTORIES[self.kind]
        if not callable(getattr(spec, factory)):
            raise GanzooError(f"{source}: {factory} of the {what} {name!r} must be a function.")
        if isinstance(getattr(spec, "modalities", ()), str):
            raise GanzooError(f'{source}: modalities of the {what} {name!r} must be a tuple, such as ("image",).')
        if isinstance(spec, Variant):
            check_recipes(spec, source)

    def add(self, spec: Spec, source: str) -> None:
        """Add a spec that `check` has passed."""
        name = cast(Any, spec).name
        self._specs[name] = spec
        self._sources[name] = source


def check_recipes(variant: Variant, source: str) -> None:
    """Raise GanzooError unless a variant has recipes and each is a Recipe with a valid name."""
    if not isinstance(variant.recipes, Mapping) or not variant.recipes:
        raise GanzooError(f"{source}: variant {variant.name!r} has no recipes: give it a dict with at least one.")
    for dataset, name in variant.for_data.items():
        if name not in variant.recipes:
            raise GanzooError(f"{source}: {variant.name!r} has no recipe {name!r}, named in for_data for {dataset!r}.")
    for name, recipe in variant.recipes.items():
        if not isinstance(recipe, Recipe) or not VALID_NAME.fullmatch(str(name)) or not isinstance(name, str):
            owner = f"{source}: recipe {name!r} of {variant.name!r}"
            raise GanzooError(f"{owner} must be a Recipe with a name like 'digits'.")
        check_writable(recipe, f"{source}: recipe {name!r} of {variant.name!r}")


def check_writable(recipe: Recipe, owner: str) -> None:
    """Raise GanzooError, naming the key, unless a recipe can be written to JSON, as every run does."""
    for name, value in vars(recipe).items():
        if not _writable(value):
            raise GanzooError(
                f"{owner} cannot be written to JSON: {name} holds a {type(value).__name__}; use numbers, text, "
                "tuples and dataclasses of these."
            )


def _writable(value: Any) -> bool:
    # Not json.dumps, which takes ten times as long: this runs for every recipe in each `ganzoo list`.
    if value is None or isinstance(value, (str, int, float)):
        return True
    if isinstance(value, (tuple, list)):
        return all(map(_writable, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) for name in value) and all(map(_writable, value.values()))
    return dataclasses.is_dataclass(value) and not isinstance(value, type) and all(map(_writable, vars(value).values()))
