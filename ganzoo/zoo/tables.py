"""Registered specs by name, checked before they are added."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

from ganzoo.errors import GanzooError, unknown
from ganzoo.zoo.cards import SINGULAR, TYPES, VALID_NAME, check_card
from ganzoo.zoo.synonyms import other_names, plain, same_name

__all__ = ["SINGULAR", "TYPES", "VALID_NAME", "SpecTable"]

Spec = TypeVar("Spec")


def also_called(spec: Any) -> tuple[str, ...]:
    """Other names for what a spec describes."""
    return getattr(spec, "also_called", ())


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
        """The spec of that name, in any case; GanzooError with suggestions if there is none."""
        if name in self._specs:
            return self._specs[name]
        same = same_name(name, self._specs)
        if same is not None:
            return self._specs[same]
        see = f"(`ganzoo list {self.kind}`){self.hint(name)}"
        called = [known for known, spec in self._specs.items() if plain(name) in map(plain, also_called(spec))]
        raise unknown(SINGULAR[self.kind], name, self._specs, see, called or other_names(name, self._specs))

    def source(self, name: str) -> str:
        """The plugin that registered the name."""
        return self._sources[name]

    def check(self, spec: Any, source: str) -> None:
        """Raise GanzooError if the spec cannot be added: an invalid card, or a name that is taken (naming both)."""
        check_card(self.kind, spec, source)
        name = spec.name
        if name in self._specs:
            what, other = SINGULAR[self.kind], self._sources[name]
            raise GanzooError(f"{what} {name!r} of {source} is already registered by {other}: rename one.")

    def add(self, spec: Spec, source: str) -> None:
        """Add a spec that `check` has passed."""
        name = cast(Any, spec).name
        self._specs[name] = spec
        self._sources[name] = source
