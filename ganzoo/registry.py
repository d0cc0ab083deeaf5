"""Names to specs. Every name has one source; asking for a name that is not there suggests those that are near."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

from ganzoo.errors import GanzooError, unknown
from ganzoo.specs import DatasetSpec, LossSpec, MetricSpec, PenaltySpec, Recipe, Variant

Spec = TypeVar("Spec")

TYPES: dict[str, type] = {
    "variants": Variant,
    "losses": LossSpec,
    "penalties": PenaltySpec,
    "datasets": DatasetSpec,
    "metrics": MetricSpec,
}
SINGULAR = {
    "variants": "variant",
    "losses": "loss",
    "penalties": "penalty",
    "datasets": "data set",
    "metrics": "metric",
}
MAKERS = {"variants": "build", "losses": "build", "penalties": "build", "datasets": "load", "metrics": "compute"}
VALID_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Table(Mapping[str, Spec], Generic[Spec]):
    """The specs of one kind by name, each with the plugin that it came from.

    hint: what a message about an unknown name ends with.
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
        """The spec of that name; GanzooError with suggestions when there is none."""
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
        maker = MAKERS[self.kind]
        if not callable(getattr(spec, maker)):
            raise GanzooError(f"{source}: {maker} of the {what} {name!r} must be a function.")
        if isinstance(getattr(spec, "modalities", ()), str):
            raise GanzooError(f'{source}: modalities of the {what} {name!r} must be a tuple, as ("image",).')
        if isinstance(spec, Variant):
            check_recipes(spec, source)

    def add(self, spec: Spec, source: str) -> None:
        """Add a spec; raises what `check` raises."""
        self.check(spec, source)
        self.put(spec, source)

    def put(self, spec: Spec, source: str) -> None:
        """Add a spec that was checked."""
        name = cast(Any, spec).name
        self._specs[name] = spec
        self._sources[name] = source


def check_recipes(variant: Variant, source: str) -> None:
    """Raise GanzooError unless a variant has recipes and each is a Recipe with a valid name."""
    if not isinstance(variant.recipes, Mapping) or not variant.recipes:
        raise GanzooError(f"{source}: variant {variant.name!r} has no recipes: give it a dict of at least one by name.")
    for dataset, name in variant.for_data.items():
        if name not in variant.recipes:
            raise GanzooError(f"{source}: {variant.name!r} has no recipe {name!r} to suit {dataset!r}.")
    for name, recipe in variant.recipes.items():
        if not isinstance(recipe, Recipe) or not VALID_NAME.fullmatch(str(name)) or not isinstance(name, str):
            owner = f"{source}: recipe {name!r} of {variant.name!r}"
            raise GanzooError(f"{owner} must be a Recipe with a name like 'digits'.")
        check_writable(recipe, f"{source}: recipe {name!r} of {variant.name!r}")


def check_writable(recipe: Recipe, owner: str) -> None:
    """Raise GanzooError, naming the key, unless a recipe can be written to JSON: every run writes its own."""
    for name, value in vars(recipe).items():
        if not _writable(value):
            raise GanzooError(
                f"{owner} cannot be written to JSON: {name} holds a {type(value).__name__}; use numbers, text, "
                "tuples and dataclasses of these."
            )


def _writable(value: Any) -> bool:
    # Not json.dumps, which takes ten times as long, and this is done for every recipe whenever anything is listed.
    if value is None or isinstance(value, (str, int, float)):
        return True
    if isinstance(value, (tuple, list)):
        return all(map(_writable, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) for name in value) and all(map(_writable, value.values()))
    return dataclasses.is_dataclass(value) and not isinstance(value, type) and all(map(_writable, vars(value).values()))


def _table(kind: str) -> Any:
    from ganzoo.plugins import zoo

    return zoo().tables[kind]


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
