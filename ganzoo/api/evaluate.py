"""Score a run, a folder of images or a .npz file of samples."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ganzoo.api import targets
from ganzoo.api.execution import Report
from ganzoo.api.planning import (
    make_options,
)
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation import records
from ganzoo.evaluation.distributed import score_distributed
from ganzoo.evaluation.metrics.neighbours import draw_neighbours
from ganzoo.evaluation.scoring import Scores, score
from ganzoo.machine.rank_group import launched_group
from ganzoo.runs.reference import make_request
from ganzoo.runs.run import Run
from ganzoo.zoo import provenance, registry


def evaluate(
    target: Run | str | Path,
    n: int | None = None,
    report: Report = lambda line: None,
    *,
    against: str | Path | None = None,
    metrics: Iterable[str] | str | None = None,
    features: str = "auto",
    weights: str | Path | None = None,
    best: bool = False,
    neighbours: bool = False,
    seed: int | None = None,
    out: str | Path | None = None,
    **options: Any,
) -> Scores:
    """Score a run, a folder of images or a .npz file of samples. What cannot be scored is a note, not an error.

    against: what to compare with, named as for `train`; by default a run's own data, and needed for files. metrics:
    names, or a string of them with commas; by default all that suit and are quick. n: number of samples; by default
    10,000 of a run, fewer for small data sets, and all of a file. features, weights: see `Samples`. best: the state
    that `eval_every` found best, in place of the last. neighbours: also measure memorisation and draw a run's
    neighbours.png. seed: of a run's samples. options: fields of RunOptions (device, data_root; devices and nodes, by
    default 1, split the work over so many ranks, each of which has to call this and gets the same scores).

    A run's scores join those in its scores.json (`records.write_merged`), or in scores-best.json with `best`. With `out` they
    are written to that file, which must not exist. Raises GanzooError for what does not fit together.
    """
    request = make_request(metrics, n, features, weights, seed)
    if out is not None:
        records.require_absent(Path(out))
    found = targets.find_target(target)
    if isinstance(found, Run):
        found = found.best() if best else found
        provenance.require(found.path, found.info, ("variants", "losses", "penalties", "datasets"))
        # It may have been trained on more devices than are available here.
        options = found.options(**options) | {"devices": 1, "nodes": 1} | options
    else:
        against = targets.require_reference(found, against, best or neighbours)
    made = make_options(**options)
    with launched_group(made) as group:
        say = report if group.is_first else lambda line: None
        samples, resized = targets.read(found, request, made, against, say, group)

        def score_and_write() -> Scores:
            scores = compute_scores(samples, request.metrics, neighbours)
            for item in scores.scores:
                item.protocol.update(protocol_fields(found) | ({"prepared": resized} if resized else {}))
            if isinstance(found, Run):
                for line in records.write_merged(found.scores_file, scores, found.step):
                    report(line)
                if neighbours:
                    report(f"wrote {draw_neighbours(samples, found.neighbours_file)}")
            if out is not None:
                records.write_new(Path(out), scores)
            return scores

        return score_distributed(group, samples, score_and_write)


def compute_scores(samples: Samples, metrics: tuple[str, ...] | None, neighbours: bool) -> Scores:
    """The scores by the named metrics, with memorisation for `neighbours`. GanzooError if none can be computed."""
    scores = score(samples, registry.metrics().values(), metrics)
    if neighbours and "memorisation" not in (metrics or ()):
        scores = scores.joined(score(samples, registry.metrics().values(), ["memorisation"]))
    if metrics and not scores.scores:
        raise GanzooError(scores.notes[-1])
    return scores


def protocol_fields(scored: Run | Path) -> dict[str, Any]:
    """A run's entries in the protocol of its scores; for files, that the seed of their samples is unknown."""
    if not isinstance(scored, Run):
        return {"seed": None}
    return {"step": scored.step, "weights": "ema" if scored.recipe.ema else "raw"}
