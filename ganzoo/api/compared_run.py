"""A run in a comparison: what was trained, its scores, and the recipe keys in which it differs from the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ganzoo.errors import printable
from ganzoo.recipes import flat
from ganzoo.runs.differing import differing_keys
from ganzoo.runs.run import Run
from ganzoo.zoo.config import value_text

LONGEST = 40
"""Characters of a value that a table shows."""


@dataclass(frozen=True)
class Row:
    """A run in a comparison. scores: the rows of its file of scores, by `Score.key`."""

    run: Run
    step: int | None
    weights: str
    seconds: float | None
    cpu_seconds: float | None
    scores: dict[str, dict[str, Any]]

    @property
    def name(self) -> str:
        """`VARIANT.RECIPE`."""
        return printable(f"{self.run.info['variant']}.{self.run.info['recipe_name']}")

    @property
    def data(self) -> str:
        """The data set, as `NAME` or `NAME:KIND`."""
        kind = self.run.info["recipe"].get("data", {}).get("kind") or ""
        return printable(str(self.run.info["data"].get("name", "?")) + (f":{kind}" if kind else ""))

    @property
    def path(self) -> str:
        """The run folder, as it was named."""
        return printable(str(self.run.path))

    @property
    def keys(self) -> dict[str, Any]:
        """The recipe, flat, and under `init_from` the weights that it started from, if any."""
        started = self.run.info.get("initialised")
        source = {"init_from": started.get("source", "?")} if isinstance(started, dict) else {}
        return flat(self.run.info["recipe"]) | source

    @property
    def seed(self) -> Any:
        return self.keys.get("seed")

    def value(self, key: str) -> str:
        """The value of a key, as it is shown; "" for a recipe that does not have it."""
        if key not in self.keys:
            return ""
        text = printable(value_text(self.keys[key])[: LONGEST + 1])
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def keys_to_show(rows: Sequence[Row]) -> list[str]:
    """The keys in which runs of the same recipe name differ. Between other recipes, the name says what differs."""
    found: list[str] = []
    for name in dict.fromkeys(row.name for row in rows):
        same = [row.keys for row in rows if row.name == name]
        found += [key for key in differing_keys(same) if key not in found]
        if len({keys.get("init_from") for keys in same}) > 1 and "init_from" not in found:
            found.append("init_from")
    return found
