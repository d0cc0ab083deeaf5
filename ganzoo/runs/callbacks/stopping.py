"""Early stopping: `--early-stop METRIC:PATIENCE` ends training when a score no longer improves.

Whether it is time is a function of evaluations.jsonl alone, so a resumed run decides as an uninterrupted one does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganzoo.errors import GanzooError, unknown
from ganzoo.evaluation.ideals import Better, decides, is_better
from ganzoo.evaluation.scoring import select_metrics
from ganzoo.pictures.tables import format_number
from ganzoo.recipes import RunOptions
from ganzoo.zoo import registry

FORM = re.compile(r"(.+):([1-9]\d{0,5})")
OFF = "none"


@dataclass(frozen=True)
class EarlyStop:
    """score: what its name begins with. better: its direction. patience: evaluations without improvement."""

    score: str
    better: Better
    patience: int

    def reason(self, records: Sequence[Mapping[str, Any]]) -> str:
        """Why to stop after these records of evaluations.jsonl, in words; "" for no reason.

        Scores with another protocol than the last one are not compared with it.
        """
        found = [(record, name) for record in records if (name := name_in(record["scores"], self.score))]
        if not found:
            return ""
        last, name = found[-1]
        values = [
            (record["step"], record["scores"][name])
            for record, _ in found
            if name in record["scores"] and record["protocol"].get(name) == last["protocol"].get(name)
        ]
        best = 0
        for number, (_, value) in enumerate(values):
            if is_better(self.better, value, values[best][1]):
                best = number
        waited = len(values) - 1 - best
        if waited < self.patience:
            return ""
        step, value = values[best]
        return f"{name} has not improved for {waited} evaluations (best: {format_number(value)} at step {step:,})"


def name_in(scores: Mapping[str, float], score: str) -> str:
    """The full name of a score among those of a record of evaluations.jsonl; "" if it is not among them."""
    exact = [name for name in scores if name.partition("[")[0] == score]
    return next(iter(exact + [name for name in scores if name.startswith(score)]), "")


def early_stop(options: RunOptions, modality: str) -> EarlyStop | None:
    """What the options say of stopping early, for data of this kind; None if nothing.

    Raises GanzooError for another form, for an unknown score, one of which no value is better than another, and without
    `--eval-every`.
    """
    text = options.early_stop
    if text is None or text.strip().casefold() == OFF:
        return None
    match = FORM.fullmatch(text.strip())
    known = _scores(modality)
    example = next(iter(known), "fd")
    if not match:
        raise GanzooError(f"--early-stop {text!r}: write METRIC:PATIENCE, as {example}:5, or none.")
    if not options.eval_every:
        raise GanzooError(f"--early-stop {text} needs --eval-every N: how often to score.")
    return EarlyStop(*score_named(match[1], modality), int(match[2]))


def score_named(typed: str | None, modality: str) -> tuple[str, Better]:
    """A score during training by its name in any case, without features, and its direction; by default the main one.

    Raises GanzooError if there is no such score for data of this kind, or none that has a best value.
    """
    known = _scores(modality)
    if typed is None:
        for metric in registry.modality(modality).criteria:
            first = next((name for name, b in registry.metrics()[metric].better.items() if decides(b)), None)
            if first is not None:
                return first, known[first]
        if not known:
            raise GanzooError(f"no score of {modality} data during training has a best value.")
        return next(iter(known.items()))
    fitting = [name for name in known if name.casefold() == typed.strip().casefold()]
    if not fitting:
        raise unknown("score during training", typed.strip(), known)
    return fitting[0], known[fitting[0]]


def _scores(modality: str) -> dict[str, Better]:
    """What the scores during training are called, without their features, and their directions."""
    specs = select_metrics(registry.metrics().values(), registry.modality(modality).quick_metrics, modality)
    return {name: better for spec in specs for name, better in spec.better.items() if decides(better)}
