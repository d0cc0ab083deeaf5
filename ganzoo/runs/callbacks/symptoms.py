"""Common failures of GANs, recognised from the measurements of `diagnosis`, and what to try. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
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
STILL_SPREADING = 0.9
SEPARATION = 0.99
VANISHED = 0.1
DEAD = 1e-6
GROWTH = 2.0
LARGE = 1e3
UNBALANCED = 5.0
LARGEST_RATIO = 10.0
SHOWN = 3
SUGGESTED = re.compile(r"`--set ([^`=\s]+)=([^`\s]*)`")


@dataclass(frozen=True)
class Hint:
    """What is wrong and what to try, in one line, with the values that it is based on."""

    step: int
    name: str
    hint: str
    values: dict[str, float]


def find_hints(
    measurements: Sequence[Measurement],
    recipe: Recipe,
    players: Sequence[str],
    own: Recipe | None = None,
    given: Sequence[Mapping[str, Any]] = (),
    finished: bool = False,
) -> Iterator[Hint]:
    """The hints that the newest measurement gives reason for, and that were not given before.

    own: the variant's own recipe, from which `recipe` may depart. given: the hints that the run already has; no new one
    contradicts them. finished: whether training is over, so that nothing is gained by waiting for more measurements.
    """
    if not measurements:
        return
    step = int(measurements[-1]["step"])
    for name, symptom in SYMPTOMS.items():
        found = None if any(hint["name"] == name for hint in given) else symptom(measurements, recipe.steps, finished)
        if found is not None:
            text, values = found
            try_this = advice(recipe, SUGGESTIONS[name](recipe, players, own or recipe), given)
            yield Hint(step, name, f"step {step}, {name}: {text}; {try_this}", values)


def nonfinite_hint(
    step: int,
    recipe: Recipe,
    players: Sequence[str],
    own: Recipe | None = None,
    given: Sequence[Mapping[str, Any]] = (),
) -> Hint:
    """The hint for a training run that stopped at a non-finite number."""
    text = advice(recipe, SUGGESTIONS["non-finite"](recipe, players, own or recipe), given)
    return Hint(step, "non-finite", f"step {step}, non-finite: a loss or gradient is not a number; {text}", {})


Finding = tuple[str, dict[str, float]] | None


def mode_collapse(measurements: Sequence[Measurement], steps: int, finished: bool = False) -> Finding:
    """Fake samples stay close to few of the real ones.

    Every generator starts like that. So low variety counts in the second half of a training run, and earlier if variety
    has fallen from a higher value, or if the samples hardly differ at all.
    """
    newest = newest_after(measurements, max(WARM_UP * steps, 1 if finished else FIRST_STEPS))
    if not newest or any(measurement.get("variety", 1.0) > VARIETY for measurement in newest):
        return None
    before = max((measurement.get("variety", 0.0) for measurement in measurements[:-IN_A_ROW]), default=0.0)
    if measurements[-1]["step"] < FIRST_STEPS:
        # A short run: its generator may just not have learnt much yet.
        stays, falls, alike = False, before > VARIETY, stays_alike(measurements, steps)
    else:
        stays, falls = all(measurement["step"] >= HALFWAY * steps for measurement in newest), True
        alike = all(measurement.get("spread", 1.0) <= SPREAD for measurement in newest)
    falls = falls and all(measurement["variety"] <= FALL * before for measurement in newest)
    if not (stays or falls or alike):
        return None
    text = f"the samples have {newest[-1]['variety']:.0%} of the variety of real ones"
    return text + (f", down from {before:.0%}" if falls else ""), select(newest[-1], "variety", "spread")


def stays_alike(measurements: Sequence[Measurement], steps: int) -> bool:
    """Whether samples have hardly differed in the second half of a run, and have not kept spreading since its start."""
    spreads = [measurement.get("spread", 1.0) for measurement in measurements]
    late = [measurement.get("spread", 1.0) for measurement in measurements if measurement["step"] >= HALFWAY * steps]
    spreading = all(b >= STILL_SPREADING * a for a, b in pairwise(spreads))
    return not spreading and median(late) <= SPREAD


def discriminator_won(measurements: Sequence[Measurement], steps: int, finished: bool = False) -> Finding:
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


def discriminator_died(measurements: Sequence[Measurement], steps: int, finished: bool = False) -> Finding:
    """D's output does not depend on the sample, so neither player has a gradient: mostly, a layer's ReLUs are all off.

    Both are compared with their largest values so far, as their scale has no meaning.
    """
    newest = newest_after(measurements, 0)
    if not newest:
        return None
    for name in ("logits", "gradient"):
        largest = max(measurement.get(name, 0.0) for measurement in measurements)
        if any(measurement.get(name, 1.0) > DEAD * largest for measurement in newest):
            return None
    text = "D gives every sample the same logit, so neither player learns any more"
    return text, select(newest[-1], "gradient", "logits")


def relative_gradient(measurement: Measurement) -> float:
    """The generator's gradient norm divided by the spread of the logits; 0 if the logits are all the same."""
    return measurement.get("gradient", 0.0) / measurement["logits"] if measurement.get("logits") else 0.0


def divergence(measurements: Sequence[Measurement], steps: int, finished: bool = False) -> Finding:
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


SYMPTOMS: dict[str, Callable[[Sequence[Measurement], int, bool], Finding]] = {
    "mode-collapse": mode_collapse,
    "discriminator-won": discriminator_won,
    "discriminator-died": discriminator_died,
    "divergence": divergence,
}


Suggestion = tuple[str, Any] | list[tuple[str, Any]]
"""What to try: a recipe key and a value, or several that belong together."""


def advice(recipe: Recipe, suggestions: Iterable[Suggestion], given: Sequence[Mapping[str, Any]] = ()) -> str:
    """The first three suggestions that change the recipe, as command-line options.

    Keys that the recipe does not take, or that have the value already, are left out, and so is what contradicts the
    hints that were given before.
    """
    chosen, dropped = [], False
    for suggestion in suggestions:
        together = suggestion if isinstance(suggestion, list) else [suggestion]
        changing = [(key, value) for key, value in together if would_change(recipe, key, value)]
        if changing and contradicts(changing, given):
            dropped = True
        elif changing:
            chosen.append(" and ".join(f"`--set {key}={value}`" for key, value in changing))
    if chosen:
        return "try " + " or ".join(chosen[:SHOWN])
    return f"try what the hint of step {given[-1]['step']} says" if dropped else "try another recipe"


def suggestions_in(hint: str) -> list[dict[str, str]]:
    """What a hint suggests: alternatives, each with the recipe keys to set and their values."""
    alternatives = [dict(SUGGESTED.findall(part)) for part in hint.split(" or ")]
    return [values for values in alternatives if values]


def contradicts(suggested: Sequence[tuple[str, Any]], given: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a suggestion and an earlier hint of the run give a key two values, or change rates in two ways."""
    before = [assignment for hint in given for assignment in SUGGESTED.findall(str(hint["hint"]))]
    for key, value in suggested:
        if (key, str(value)) in before:
            continue
        for other, _ in before:
            rates = key.endswith(".lr") and other.endswith(".lr")
            if rates or other.partition(".")[0] == key or key.partition(".")[0] == other or key == other:
                return True
    return False


def would_change(recipe: Recipe, key: str, value: Any) -> bool:
    """Whether the recipe accepts the key with this value, and would differ from what it is now."""
    try:
        return config.override(recipe, {key: str(value)}) != recipe
    except GanzooError:
        return False


def suggest_for_collapse(recipe: Recipe, players: Sequence[str], own: Recipe) -> list[Suggestion]:
    if getattr(recipe, "latent", 100) < 2:
        return [("latent", max(getattr(own, "latent", 0), 2) if own != recipe else 100)]
    return suggest_rates(recipe, players, own) or lower_learning_rate(recipe, players, "g", 0.25)


def suggest_for_strong_discriminator(recipe: Recipe, players: Sequence[str], own: Recipe) -> list[Suggestion]:
    minimax: list[Suggestion] = [("loss", "non-saturating")] if getattr(recipe, "loss", "") == "minimax" else []
    return minimax + suggest_rates(recipe, players, own) or stronger_penalty(recipe, own) + lower_learning_rate(
        recipe, players, "d", 0.25
    )


def suggest_for_dead_discriminator(recipe: Recipe, players: Sequence[str], own: Recipe) -> list[Suggestion]:
    return suggest_rates(recipe, players, own) or lower_learning_rate(recipe, players, "d", 0.25)


def suggest_for_divergence(recipe: Recipe, players: Sequence[str], own: Recipe) -> list[Suggestion]:
    bounds = [getattr(recipe, name, True) for name in ("penalties", "clip", "spectral_norm")]
    if getattr(recipe, "loss", "") == "wasserstein" and not any(bounds):
        return [("penalties", "wgan-gp"), ("clip", 0.01), ("spectral_norm", "true")]
    weak = weakened_penalties(recipe, own)
    if weak:
        return weak
    lower = [change for player in players for change in lower_learning_rate(recipe, [player], player, 0.1)]
    return suggest_rates(recipe, players, own) or stronger_penalty(recipe, own) + lower


def suggest_for_nonfinite(recipe: Recipe, players: Sequence[str], own: Recipe) -> list[Suggestion]:
    return suggest_rates(recipe, players, own) or suggest_for_divergence(recipe, players, own)


def suggest_rates(recipe: Recipe, players: Sequence[str], own: Recipe) -> list[Suggestion]:
    """Other learning rates, if they depart much from the variant's own recipe; the same for every symptom of a run.

    If one of G and D learns much faster than the other, relative to that recipe, it gets a rate that fits the other's;
    or the other one gets its own rate back, if the two then differ by a factor of at most 10.
    """
    rates = {player: (rate(recipe, player), rate(own, player)) for player in players}
    known = {player: (now, usual) for player, (now, usual) in rates.items() if now and usual}
    if {"g", "d"} <= known.keys():
        (g, own_g), (d, own_d) = known["g"], known["d"]
        balance = (g / d) / (own_g / own_d)
        if not 1 / UNBALANCED < balance < UNBALANCED:
            fast, slow = ("g", "d") if balance > 1 else ("d", "g")
            usual = known[fast][1] / known[slow][1]
            found: list[Suggestion] = [(f"{fast}.lr", f"{known[slow][0] * usual:.2g}")]
            now, back = known[slow]
            if back > now and known[fast][0] / back <= 1.01 * LARGEST_RATIO * usual:
                found.append((f"{slow}.lr", f"{back:.2g}"))
            return found
    high = [(f"{player}.lr", f"{usual:.2g}") for player, (now, usual) in known.items() if now >= UNBALANCED * usual]
    return [high] if high else []


def rate(recipe: Recipe, player: str) -> float:
    """A player's learning rate; 0 if the recipe has no such player."""
    settings = getattr(recipe, player, None)
    return settings.lr if isinstance(settings, Optimiser) else 0.0


def stronger_penalty(recipe: Recipe, own: Recipe) -> list[Suggestion]:
    """A penalty on D if it has none (for a Wasserstein loss, that of a critic); else a larger weight.

    That is the weight in the variant's own recipe, if it is larger, and otherwise ten times the present one.
    """
    penalties = getattr(recipe, "penalties", None) or {}
    if not penalties:
        return [("penalties", "wgan-gp" if getattr(recipe, "loss", "") == "wasserstein" else "r1")]
    larger: list[Suggestion] = [
        (f"penalties.{name}.weight", f"{10 * term.weight:g}") for name, term in penalties.items()
    ]
    return weakened_penalties(recipe, own) or larger


def weakened_penalties(recipe: Recipe, own: Recipe) -> list[Suggestion]:
    """The variant's own weight for each penalty that has a smaller one."""
    usual = getattr(own, "penalties", None) or {}
    return [
        (f"penalties.{name}.weight", f"{usual[name].weight:g}")
        for name, term in (getattr(recipe, "penalties", None) or {}).items()
        if name in usual and usual[name].weight > term.weight
    ]


def lower_learning_rate(recipe: Recipe, players: Sequence[str], wanted: str, factor: float) -> list[Suggestion]:
    """A lower learning rate for a player; for every player, if the game has none of that name."""
    chosen = [wanted] if wanted in players else players
    return [(f"{player}.lr", f"{factor * rate(recipe, player):.2g}") for player in chosen if rate(recipe, player)]


SUGGESTIONS: dict[str, Callable[[Recipe, Sequence[str], Recipe], list[Suggestion]]] = {
    "mode-collapse": suggest_for_collapse,
    "discriminator-won": suggest_for_strong_discriminator,
    "discriminator-died": suggest_for_dead_discriminator,
    "divergence": suggest_for_divergence,
    "non-finite": suggest_for_nonfinite,
}
