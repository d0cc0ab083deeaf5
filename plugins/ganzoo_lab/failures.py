"""Ways to make a GAN fail, as recipe keys to set: those of docs/diagnosis.md, for any recipe that has the keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.recipes import Optimiser, Recipe

FAST = 10.0


@dataclass(frozen=True)
class Failure:
    """name, title: what is shown. lesson: why it fails. values: the keys to set."""

    name: str
    title: str
    lesson: str
    values: Mapping[str, Any]


def failures(recipe: Recipe, accepts: Callable[[Mapping[str, Any]], object]) -> list[Failure]:
    """The failures that a recipe allows. accepts: raises GanzooError for keys that the variant does not take."""
    found = []
    for failure in _possible(recipe):
        try:
            accepts(failure.values)
        except GanzooError:
            continue
        found.append(failure)
    return found


def _possible(recipe: Any) -> list[Failure]:
    g, d = getattr(recipe, "g", None), getattr(recipe, "d", None)
    if not isinstance(g, Optimiser) or not isinstance(d, Optimiser):
        return []
    possible = [
        Failure(
            "collapse",
            "Make it collapse",
            "G learns a hundred times as fast as D: it jumps to whatever D likes at the moment, and forgets the rest.",
            {"g.lr": f"{g.lr * FAST:.3g}", "d.lr": f"{d.lr / FAST:.3g}"},
        ),
        Failure(
            "discriminator-won",
            "Let D win",
            "D learns much faster than G, whose minimax loss is flat where D is sure: G gets no gradient.",
            {"loss": "minimax", "d.lr": f"{d.lr * FAST:.3g}", "g.lr": f"{g.lr / 2:.3g}"},
        ),
        Failure(
            "non-finite",
            "Blow it up",
            "A learning rate so large that the first steps leave the range of numbers.",
            {"g.lr": "1e30", "d.lr": "1e30"},
        ),
    ]
    if getattr(recipe, "loss", "") == "wasserstein" and getattr(recipe, "penalties", None):
        possible.insert(
            1,
            Failure(
                "divergence",
                "Unleash the critic",
                "Without its penalty, a Wasserstein critic can double its output to double its score, without end.",
                {"penalties": "none"},
            ),
        )
    return possible
