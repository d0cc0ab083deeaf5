"""Scoring on several ranks: features are extracted on all, scores are computed on the first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from ganzoo.data.samples import Samples
from ganzoo.evaluation.features.extraction import answer
from ganzoo.evaluation.features.spaces import received
from ganzoo.evaluation.scoring import Score, Scores
from ganzoo.machine.rank_group import ALONE, Team


def score_together(team: Team, samples: Samples, work: Callable[[], Scores]) -> Scores:
    """Do `work`, which scores `samples`, on the first rank, and what it takes of features on all. Every rank gets it.

    The others need the samples too, of the drawn ones only their own rows.
    """
    samples.shared_by(team)
    try:
        result = team.lead(lambda: asdict(work()), lambda order: answer(order, samples, team, received))
    finally:
        samples.shared_by(ALONE)
    return Scores([Score(**row) for row in result["scores"]], result["notes"])
