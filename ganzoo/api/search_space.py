"""What `ganzoo tune` searches: recipe keys, each with a range or some values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.recipes import Optimiser, Recipe
from ganzoo.zoo import config, registry

NUMBER = r"[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:e[-+]?\d+)?"
RANGE = re.compile(rf"({NUMBER})\.\.({NUMBER})(?::(log))?", re.IGNORECASE)
EXAMPLE = "g.lr=1e-4..1e-3:log, batch=16..128 or loss=hinge|wasserstein"
FACTOR = 4.0
"""Without a search, learning rates are searched from that fraction to that multiple of the recipe's."""


@dataclass(frozen=True)
class Dimension:
    """A recipe key and where it is searched: from low to high, or among choices (texts as `--set` takes them)."""

    key: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple[str, ...] = ()

    def suggest(self, trial: Any) -> Any:
        """The value that a trial of Optuna suggests."""
        if self.choices:
            return trial.suggest_categorical(self.key, list(self.choices))
        if self.whole:
            return trial.suggest_int(self.key, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.key, self.low, self.high, log=self.log)

    def __str__(self) -> str:
        if self.choices:
            return f"{self.key}={'|'.join(self.choices)}"
        return f"{self.key}={self.low:g}..{self.high:g}{':log' if self.log else ''}"


def parse(texts: Sequence[str], recipe: Recipe) -> list[Dimension]:
    """The dimensions of `KEY=LOW..HIGH[:log]` and `KEY=A|B|C`; without any, the players' learning rates.

    Raises GanzooError for another form, for unknown keys, and for values that a key cannot have.
    """
    found = [_dimension(text, recipe) for text in texts] or _learning_rates(recipe)
    for number, dimension in enumerate(found):
        if dimension.key in [other.key for other in found[:number]]:
            raise GanzooError(f"--search {dimension.key} is given twice.")
    return found


def _dimension(text: str, recipe: Recipe) -> Dimension:
    key, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not key or not values:
        raise GanzooError(f"--search {text!r}: write it as {EXAMPLE}.")
    match = RANGE.fullmatch(values)
    if not match:
        choices = tuple(part.strip() for part in values.split("|"))
        if len(choices) < 2 or len(set(choices)) < len(choices):
            raise GanzooError(f"--search {text!r}: give a range or several values, as {EXAMPLE}.")
        for choice in choices:
            config.override(recipe, {key: choice})
            if key in config.REGISTERED and choice not in config.NOTHING:
                getattr(registry, config.REGISTERED[key])().find(choice)
        return Dimension(key, choices=choices)
    low, high = (float(match[number].replace("_", "")) for number in (1, 2))
    if not low < high or not math.isfinite(high) or (match[3] and low <= 0):
        above = " and above 0 on a logarithmic scale" if match[3] else ""
        raise GanzooError(f"--search {text!r}: the first number must be below the second{above}.")
    whole = _is_whole(recipe, key)
    for end in (match[1], match[2]):
        config.override(recipe, {key: str(int(float(end))) if whole else end})
    return Dimension(key, low, high, bool(match[3]), whole)


def _is_whole(recipe: Recipe, key: str) -> bool:
    known = {found.path: found for found in config.keys(recipe)}
    return key in known and known[key].type.startswith("a whole number")


def _learning_rates(recipe: Recipe) -> list[Dimension]:
    players: Mapping[str, Optimiser] = {n: part for n, part in vars(recipe).items() if isinstance(part, Optimiser)}
    return [Dimension(f"{n}.lr", part.lr / FACTOR, part.lr * FACTOR, log=True) for n, part in players.items()]
