"""Common failures of GANs, recognised from the measurements of `diagnosis`, and what to try. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.recipes import Optimiser, Recipe
from ganzoo.zoo import config

Measurement = dict[str, float]
"""One measurement: `step`, and those of the following that the game allows.

variety: number of distinct real samples that are the nearest one to some fake sample, relative to the number for
held-out real samples; about 1 for a perfect generator, near 0 for one that draws a single sample. spread: mean distance
between two fake samples relative to that between two real ones. separation: probability that D's logit of a real sample
is above that of a fake one (the area under the ROC curve). gradient: norm of the gradient of the generator's loss.
logits: standard deviation of D's logits. term: the largest magnitude of a logged term since the previous measurement.
"""

IN_A_ROW = 3
WARM_UP = 0.2
HALFWAY = 0.5
FIRST_STEPS = 1000
VARIETY = 0.15
FALL = 1 / 3
SPREAD = 0.2
SEPARATION = 0.99
VANISHED = 0.1
GROWTH = 2.0
LARGE = 1e3


@dataclass(frozen=True)
class Hint:
    """What is wrong and what to try, in one line, with the values that it is based on."""

    step: int
    name: str
    hint: str
    values: dict[str, float]


def find_hints(measurements: Sequence[Measurement], recipe: Recipe, players: Sequence[str]) -> Iterator[Hint]:
    """The hints that the newest measurement gives reason for."""
    step = int(measurements[-1]["step"])
    for name, symptom in SYMPTOMS.items():
        found = symptom(measurements, recipe.steps)
        if found is not None:
            text, values = found
            yield Hint(
                step, name, f"step {step}, {name}: {text}; {advice(recipe, SUGGESTIONS[name](recipe, players))}", values
            )


def nonfinite_hint(step: int, recipe: Recipe, players: Sequence[str]) -> Hint:
    """The hint for a training run that stopped at a non-finite number."""
    text = advice(recipe, SUGGESTIONS["non-finite"](recipe, players))
    return Hint(step, "non-finite", f"step {step}, non-finite: a loss or gradient is not a number; {text}", {})


Finding = tuple[str, dict[str, float]] | None


def mode_collapse(measurements: Sequence[Measurement], steps: int) -> Finding:
    """Fake samples stay close to few of the real ones.

    Every generator starts like that. So low variety counts in the second half of a training run, and earlier if variety
    has fallen from a higher value, or if the samples hardly differ at all.
    """
    newest = newest_after(measurements, max(WARM_UP * steps, FIRST_STEPS))
    if not newest or any(measurement.get("variety", 1.0) > VARIETY for measurement in newest):
        return None
    before = max((measurement.get("variety", 0.0) for measurement in measurements[:-IN_A_ROW]), default=0.0)
    stays = all(measurement["step"] >= HALFWAY * steps for measurement in newest)
    falls = all(measurement["variety"] <= FALL * before for measurement in newest)
    alike = all(measurement.get("spread", 1.0) <= SPREAD for measurement in newest)
    if not (stays or falls or alike):
        return None
    text = f"the samples have {newest[-1]['variety']:.0%} of the variety of real ones"
    return text + (f", down from {before:.0%}" if falls else ""), select(newest[-1], "variety", "spread")


def discriminator_won(measurements: Sequence[Measurement], steps: int) -> Finding:
    """D always distinguishes real from fake, and G no longer learns from it.

    The gradient is taken relative to the spread of the logits, as the scale of a critic's output has no meaning:
    clipping makes both smaller.
    """
    newest = newest_after(measurements, WARM_UP * steps)
    if not newest or any(measurement.get("separation", 0.0) < SEPARATION for measurement in newest):
        return None
    if any(relative_gradient(measurement) > VANISHED * relative_gradient(measurements[0]) for measurement in newest):
        return None
    text = "D tells real from fake in every case and the generator's gradient has vanished"
    return text, select(newest[-1], "separation", "gradient", "logits")


def relative_gradient(measurement: Measurement) -> float:
    """The generator's gradient norm divided by the spread of the logits; 0 if the logits are all the same."""
    return measurement.get("gradient", 0.0) / measurement["logits"] if measurement.get("logits") else 0.0


def divergence(measurements: Sequence[Measurement], steps: int) -> Finding:
    """Losses or logits grow without bound."""
    for name in ("logits", "term"):
        values = [measurement[name] for measurement in measurements if name in measurement]
        newest = values[-IN_A_ROW - 1 :]
        growing = len(newest) > IN_A_ROW and all(a < b for a, b in pairwise(newest))
        # A critic's absolute level has no meaning and may drift, but it does not double within a few measurements.
        if growing and newest[-1] > max(LARGE, GROWTH * newest[0]):
            what = "the logits of D" if name == "logits" else "the losses"
            return f"{what} grow without bound, to {newest[-1]:.3g}", select(measurements[-1], "logits", "term")
    return None


def newest_after(measurements: Sequence[Measurement], start: float) -> Sequence[Measurement]:
    """The newest measurements, if all of them were taken at step `start` or later."""
    newest = measurements[-IN_A_ROW:]
    return newest if len(newest) == IN_A_ROW and newest[0]["step"] >= start else []


def select(measurement: Measurement, *names: str) -> dict[str, float]:
    return {name: measurement[name] for name in names if name in measurement}


SYMPTOMS: dict[str, Callable[[Sequence[Measurement], int], Finding]] = {
    "mode-collapse": mode_collapse,
    "discriminator-won": discriminator_won,
    "divergence": divergence,
}


Suggestion = tuple[str, Any]
"""What to try: a recipe key and a value. `advice` leaves out those that the recipe does not take or already has."""


def advice(recipe: Recipe, suggestions: Iterable[Suggestion]) -> str:
    """The first three suggestions that change the recipe, as command-line options."""
    chosen = [f"`--set {key}={value}`" for key, value in suggestions if would_change(recipe, key, value)][:3]
    return "try " + " or ".join(chosen) if chosen else "try another recipe"


def would_change(recipe: Recipe, key: str, value: Any) -> bool:
    """Whether the recipe accepts the key with this value, and would differ from what it is now."""
    try:
        return config.override(recipe, {key: str(value)}) != recipe
    except GanzooError:
        return False


def suggest_for_collapse(recipe: Recipe, players: Sequence[str]) -> Iterator[Suggestion]:
    if getattr(recipe, "latent", 100) < 2:
        yield "latent", 100
    yield from stronger_penalty(recipe)
    yield from lower_learning_rate(recipe, players, "g", 0.25)
    yield from lower_learning_rate(recipe, players, "d", 0.25)


def suggest_for_strong_discriminator(recipe: Recipe, players: Sequence[str]) -> Iterator[Suggestion]:
    if getattr(recipe, "loss", "") == "minimax":
        yield "loss", "non-saturating"
    yield from stronger_penalty(recipe)
    yield from lower_learning_rate(recipe, players, "d", 0.25)
    yield from lower_learning_rate(recipe, players, "g", 0.25)


def suggest_for_divergence(recipe: Recipe, players: Sequence[str]) -> Iterator[Suggestion]:
    yield from stronger_penalty(recipe)
    for player in players:
        yield from lower_learning_rate(recipe, players, player, 0.1)


def stronger_penalty(recipe: Recipe) -> Iterator[Suggestion]:
    """A penalty on D if it has none (for a Wasserstein loss, that of a critic); else ten times its weight."""
    penalties = getattr(recipe, "penalties", None) or {}
    if not penalties:
        yield "penalties", "wgan-gp" if getattr(recipe, "loss", "") == "wasserstein" else "r1"
    for name, term in penalties.items():
        yield f"penalties.{name}.weight", f"{10 * term.weight:g}"


def lower_learning_rate(recipe: Recipe, players: Sequence[str], wanted: str, factor: float) -> Iterator[Suggestion]:
    """A lower learning rate for a player; for every player, if the game has none of that name."""
    for player in [wanted] if wanted in players else players:
        settings = getattr(recipe, player, None)
        if isinstance(settings, Optimiser):
            yield f"{player}.lr", f"{factor * settings.lr:.2g}"


SUGGESTIONS: dict[str, Callable[[Recipe, Sequence[str]], Iterator[Suggestion]]] = {
    "mode-collapse": suggest_for_collapse,
    "discriminator-won": suggest_for_strong_discriminator,
    "divergence": suggest_for_divergence,
    "non-finite": suggest_for_divergence,
}
