"""Scoring on several ranks: features are extracted on all of them, scores are computed on the first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from ganzoo.data.samples import Samples
from ganzoo.evaluation.features.extraction import handle_request
from ganzoo.evaluation.features.spaces import from_dict
from ganzoo.evaluation.scoring import Score, Scores
from ganzoo.machine.rank_group import SINGLE_PROCESS, RankGroup


def score_distributed(group: RankGroup, samples: Samples, work: Callable[[], Scores]) -> Scores:
    """Run `work`, which scores `samples`, on the first rank, with features extracted on all ranks; all get the result.

    Every rank passes the samples; outside the first rank, only the rank's own rows of them have to be filled in.
    """
    samples.shared_by(group)
    try:
        result = group.run_on_first(
            lambda: asdict(work()), lambda request: handle_request(request, samples, group, from_dict)
        )
    finally:
        samples.shared_by(SINGLE_PROCESS)
    return Scores([Score(**row) for row in result["scores"]], result["notes"])
