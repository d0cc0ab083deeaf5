"""What goes wrong with GANs, recognised from the looks that `diagnosis` takes, and what to try. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.recipes import Optimiser, Recipe
from ganzoo.zoo import config

Look = dict[str, float]
"""One look at a training: `step`, and whatever of the following the game allows to measure.

variety: distinct real samples that are the nearest one to some fake sample, relative to what held-out real samples get;
about 1 for a perfect generator, near 0 for one that draws a single sample. spread: mean distance between two fake
samples relative to that between two real ones. separation: probability that D's logit of a real sample is above that of
a fake one (the area under the ROC curve). gradient: norm of the gradient of the generator's loss. logits: standard
deviation of D's logits. term: the largest logged term since the look before, in magnitude.
"""

IN_A_ROW = 3
WARM_UP = 0.2
HALFWAY = 0.5
FIRST_STEPS = 1000
VARIETY = 0.15
FALLEN = 1 / 3
SPREAD = 0.2
SEPARATION = 0.99
VANISHED = 0.1
GROWTH = 2.0
LARGE = 1e3


@dataclass(frozen=True)
class Hint:
    """What is wrong and what to try, in one line, with the numbers that it rests on."""

    step: int
    name: str
    hint: str
    values: dict[str, float]


def find(looks: Sequence[Look], recipe: Recipe, players: Sequence[str]) -> Iterator[Hint]:
    """The hints that the newest of the looks gives reason for."""
    step = int(looks[-1]["step"])
    for name, symptom in SYMPTOMS.items():
        found = symptom(looks, recipe.steps)
        if found is not None:
            text, values = found
            yield Hint(
                step, name, f"step {step}, {name}: {text}; {advice(recipe, TRIES[name](recipe, players))}", values
            )


def unsound(step: int, recipe: Recipe, players: Sequence[str]) -> Hint:
    """The hint that goes with a training that had to stop for a number that is not finite."""
    tries = advice(recipe, TRIES["non-finite"](recipe, players))
    return Hint(step, "non-finite", f"step {step}, non-finite: a loss or gradient is not a number; {tries}", {})


Found = tuple[str, dict[str, float]] | None


def mode_collapse(looks: Sequence[Look], steps: int) -> Found:
    """Fake samples stay close to few of the real ones.

    Every generator begins like that. So a lack of variety counts in the second half of a training, and earlier where
    variety has fallen from what it was, or where the samples are hardly apart at all.
    """
    newest = late(looks, max(WARM_UP * steps, FIRST_STEPS))
    if not newest or any(look.get("variety", 1.0) > VARIETY for look in newest):
        return None
    before = max((look.get("variety", 0.0) for look in looks[:-IN_A_ROW]), default=0.0)
    stays = all(look["step"] >= HALFWAY * steps for look in newest)
    falls = all(look["variety"] <= FALLEN * before for look in newest)
    alike = all(look.get("spread", 1.0) <= SPREAD for look in newest)
    if not (stays or falls or alike):
        return None
    text = f"the samples have {newest[-1]['variety']:.0%} of the variety of real ones"
    return text + (f", down from {before:.0%}" if falls else ""), pick(newest[-1], "variety", "spread")


def discriminator_won(looks: Sequence[Look], steps: int) -> Found:
    """D tells real from fake without fail, and G learns nothing from it any more.

    The gradient is taken relative to the spread of the logits, as the scale of a critic has no meaning: clipping makes
    both smaller.
    """
    newest = late(looks, WARM_UP * steps)
    if not newest or any(look.get("separation", 0.0) < SEPARATION for look in newest):
        return None
    if any(pull(look) > VANISHED * pull(looks[0]) for look in newest):
        return None
    text = "D tells real from fake in every case and the generator's gradient has vanished"
    return text, pick(newest[-1], "separation", "gradient", "logits")


def pull(look: Look) -> float:
    """The generator's gradient per spread of the logits; 0 where the logits are all the same."""
    return look.get("gradient", 0.0) / look["logits"] if look.get("logits") else 0.0


def divergence(looks: Sequence[Look], steps: int) -> Found:
    """Losses or logits grow without bound."""
    for name in ("logits", "term"):
        values = [look[name] for look in looks if name in look]
        newest = values[-IN_A_ROW - 1 :]
        growing = len(newest) > IN_A_ROW and all(a < b for a, b in pairwise(newest))
        # A critic's level has no meaning and may drift, but it does not double in a few looks late in a training.
        if growing and newest[-1] > max(LARGE, GROWTH * newest[0]):
            what = "the logits of D" if name == "logits" else "the losses"
            return f"{what} grow without bound, to {newest[-1]:.3g}", pick(looks[-1], "logits", "term")
    return None


def late(looks: Sequence[Look], start: float) -> Sequence[Look]:
    """The newest looks, if all of them are from step `start` on."""
    newest = looks[-IN_A_ROW:]
    return newest if len(newest) == IN_A_ROW and newest[0]["step"] >= start else []


def pick(look: Look, *names: str) -> dict[str, float]:
    return {name: look[name] for name in names if name in look}


SYMPTOMS: dict[str, Callable[[Sequence[Look], int], Found]] = {
    "mode-collapse": mode_collapse,
    "discriminator-won": discriminator_won,
    "divergence": divergence,
}


# What to try. Each is a key and a value; those that a recipe does not take, or has so already, are left out.

Try = tuple[str, Any]


def advice(recipe: Recipe, tries: Iterable[Try]) -> str:
    """The first three that there are, as they are typed."""
    chosen = [f"`--set {key}={value}`" for key, value in tries if changes(recipe, key, value)][:3]
    return "try " + " or ".join(chosen) if chosen else "try another recipe"


def changes(recipe: Recipe, key: str, value: Any) -> bool:
    """Whether the recipe takes the key with the value, and would be another with it."""
    try:
        return config.override(recipe, {key: str(value)}) != recipe
    except GanzooError:
        return False


def against_collapse(recipe: Recipe, players: Sequence[str]) -> Iterator[Try]:
    if getattr(recipe, "latent", 100) < 2:
        yield "latent", 100
    yield from smoother(recipe)
    yield from rates(recipe, players, "g", 0.25)
    yield from rates(recipe, players, "d", 0.25)


def against_d(recipe: Recipe, players: Sequence[str]) -> Iterator[Try]:
    if getattr(recipe, "loss", "") == "minimax":
        yield "loss", "non-saturating"
    yield from smoother(recipe)
    yield from rates(recipe, players, "d", 0.25)
    yield from rates(recipe, players, "g", 0.25)


def against_divergence(recipe: Recipe, players: Sequence[str]) -> Iterator[Try]:
    yield from smoother(recipe)
    for player in players:
        yield from rates(recipe, players, player, 0.1)


def smoother(recipe: Recipe) -> Iterator[Try]:
    """A penalty on D where there is none, else the double of its weight; a critic's where the loss is a critic's."""
    penalties = getattr(recipe, "penalties", None) or {}
    if not penalties:
        yield "penalties", "wgan-gp" if getattr(recipe, "loss", "") == "wasserstein" else "r1"
    for name, term in penalties.items():
        yield f"penalties.{name}.weight", f"{10 * term.weight:g}"


def rates(recipe: Recipe, players: Sequence[str], wanted: str, factor: float) -> Iterator[Try]:
    """A lower learning rate of a player; of each, in a game that has no player of that name."""
    for player in [wanted] if wanted in players else players:
        settings = getattr(recipe, player, None)
        if isinstance(settings, Optimiser):
            yield f"{player}.lr", f"{factor * settings.lr:.2g}"


TRIES: dict[str, Callable[[Recipe, Sequence[str]], Iterator[Try]]] = {
    "mode-collapse": against_collapse,
    "discriminator-won": against_d,
    "divergence": against_divergence,
    "non-finite": against_divergence,
}
