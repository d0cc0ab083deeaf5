"""What is in the zoo, as small tables. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, overload

from ganzoo.errors import printable, unknown
from ganzoo.zoo.zoo import current_zoo

SHOWN = ("name", "summary", "recipes", "modality", "modalities", "kinds")
"""What a table shows of each row."""


class Catalogue(Sequence[Mapping[str, Any]]):
    """What is registered of a kind, which cannot be changed: a mapping for each, by number or by name.

    >>> ganzoo.list_variants()["dcgan"]["summary"]
    """

    def __init__(self, kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.kind = kind
        self._rows = tuple(map(MappingProxyType, rows))

    @property
    def names(self) -> list[str]:
        """The names, in the order of registration."""
        return [row["name"] for row in self._rows]

    @overload
    def __getitem__(self, at: int | str) -> Mapping[str, Any]: ...

    @overload
    def __getitem__(self, at: slice) -> Catalogue: ...

    def __getitem__(self, at: int | str | slice) -> Mapping[str, Any] | Catalogue:
        if isinstance(at, slice):
            return Catalogue(self.kind, self._rows[at])
        if isinstance(at, int):
            return self._rows[at]
        for row in self._rows:
            if row["name"] == at:
                return row
        raise unknown("name", at, self.names, f"(`ganzoo list {self.kind}`)")

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: object) -> bool:
        return name in self.names or name in self._rows

    def _ipython_key_completions_(self) -> list[str]:
        return self.names

    def __repr__(self) -> str:
        width = max(map(len, self.names), default=0)
        return "\n".join(printable(f"{row['name']:{width}}  {row['summary']}") for row in self._rows)

    def _repr_html_(self) -> str:
        # Its module takes a while to import, and `ganzoo list` does not need it.
        from ganzoo.pictures.tables import ScoreTable

        header = [name for name in SHOWN if any(name in row for row in self._rows)]
        rows = [[_text(row.get(name, "")) for name in header] for row in self._rows]
        return ScoreTable("", header, rows, len(header)).html()


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def describe(kind: str, spec: Any, source: str) -> dict[str, Any]:
    """One row: what a card says of itself, and the plugin that registered it."""
    row: dict[str, Any] = {"name": spec.name, "summary": spec.summary, "source": source}
    for name in ("paper", "modality", "modalities", "kinds", "weight", "labelled", "needs_labels"):
        if hasattr(spec, name):
            row[name] = getattr(spec, name)
    if kind == "variants":
        row["recipes"] = list(spec.recipes)
    return row


def catalogue(kind: str, modality: str | None = None) -> Catalogue:
    """What is registered of a kind, all or only what is for one kind of data. GanzooError for an unknown modality."""
    zoo = current_zoo()
    known = zoo.tables["modalities"]
    if modality is not None and modality not in known:
        raise unknown("kind of data", modality, known, "(`ganzoo list modalities`)")
    table = zoo.tables[kind]
    rows = [describe(kind, spec, table.source(name)) for name, spec in table.items()]
    if modality is not None:
        rows = [row for row in rows if modality in (row.get("modalities") or [row.get("modality")])]
    return Catalogue(kind, rows)


def list_variants(modality: str | None = None) -> Catalogue:
    """The variants that can be trained: all, or those for one kind of data ("image", "points", ...).

    Raises GanzooError for an unknown kind of data.
    """
    return catalogue("variants", modality)


def list_losses() -> Catalogue:
    """The adversarial losses, for `set={"loss": NAME}`."""
    return catalogue("losses")


def list_penalties() -> Catalogue:
    """The penalties on the discriminator, for `set={"penalties": NAME}`."""
    return catalogue("penalties")


def list_augmentations() -> Catalogue:
    """The augmentations of what the discriminator sees, for `set={"augment": NAME}`."""
    return catalogue("augmentations")


def list_datasets(modality: str | None = None) -> Catalogue:
    """The data sets: all, or those of one kind of data. Raises GanzooError for an unknown kind."""
    return catalogue("datasets", modality)


def list_metrics(modality: str | None = None) -> Catalogue:
    """The metrics: all, or those for one kind of data. Raises GanzooError for an unknown kind."""
    return catalogue("metrics", modality)


def list_modalities() -> Catalogue:
    """The kinds of data."""
    return catalogue("modalities")
