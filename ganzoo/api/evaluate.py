"""Score a run, a folder of images or a .npz file of samples."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ganzoo.api import targets
from ganzoo.api.execution import Report
from ganzoo.api.planning import (
    make_options,
)
from ganzoo.data.resize import FILTER
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation import records
from ganzoo.evaluation.distributed import score_distributed
from ganzoo.evaluation.metrics.neighbours import draw_neighbours
from ganzoo.evaluation.scoring import LIKE_TRAINING, UNIFORM, Scores, score
from ganzoo.files.atomic import reason
from ganzoo.files.new_files import require_absent
from ganzoo.files.typed import typed_path
from ganzoo.machine.rank_group import launched_group
from ganzoo.runs import source
from ganzoo.runs.reference import Request, labels_like, make_request
from ganzoo.runs.run import Run
from ganzoo.zoo import provenance, registry

log = logging.getLogger(__name__)


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
    averaged: bool = True,
    neighbours: bool = False,
    seed: int | None = None,
    data: str | Path | None = None,
    other_data: bool = False,
    out: str | Path | None = None,
    **options: Any,
) -> Scores:
    """Score a run, a folder of images or a .npz file of samples. What cannot be scored is a note, not an error.

    against: what to compare with, named as for `train`; by default a run's own data, required for files. metrics:
    names, or a comma-separated string of them; by default all fast ones for this kind of data. n: number of samples; by
    default 10,000 for a run, or as many as are held out, and all in a file. features, weights: see `Samples`. best: the
    state that `eval_every` found best, not the last. averaged: False for the weights as trained. neighbours: also
    measure memorisation and draw a run's neighbours.png. seed: of a run's samples. data: where a run's own files are
    now; other_data: compare with them even if they have changed. options: fields of RunOptions (device, data_root;
    devices and nodes, 1 by default: each of these ranks has to call this, and gets the same scores).
    A run's scores are merged into its scores.json (`records.write_merged`), or into scores-best.json with `best`. With
    `out` they are written to that file, which must not exist. Raises GanzooError for contradictory arguments.
    """
    request = make_request(metrics, n, features, weights, seed)
    if out is not None:
        require_absent(out := typed_path(out))
    found = targets.find_target(target)
    if data is not None or other_data:
        if against is not None or not isinstance(found, Run):
            raise GanzooError("--data and --other-data are about a run's own data: leave them out.")
        request = dataclasses.replace(request, data=None if data is None else os.fspath(data), other_data=other_data)
    if isinstance(found, Run):
        found, request = found.best() if best else found, dataclasses.replace(request, averaged=averaged)
        provenance.require(found.path, found.info, provenance.TRAINING)
        # It may have been trained on more devices than are available here.
        options = found.options(**options) | {"devices": 1, "nodes": 1} | options
    else:
        against = targets.require_reference(found, against, best or neighbours or not averaged)
    made = make_options(**options)
    with launched_group(made) as group:
        report_once = report if group.is_first else lambda line: None
        samples, resized = targets.read(found, request, made, against, report_once, group)

        def score_and_write() -> Scores:
            scores = compute_scores(samples, request.metrics, neighbours).joined(Scores(notes=list(samples.notes)))
            fields = protocol_fields(found, samples, resized, averaged)
            fields |= check_source(found, samples, request) if isinstance(found, Run) and against is None else {}
            for item in scores.scores:
                item.protocol.update(fields)
            write(found, scores, samples, report, neighbours=neighbours, out=out)
            return scores

        return score_distributed(group, samples, score_and_write)


def compute_scores(samples: Samples, metrics: tuple[str, ...] | None, neighbours: bool) -> Scores:
    """The scores by the named metrics, with memorisation for `neighbours`. GanzooError if none can be computed."""
    scores = score(samples, registry.metrics().values(), metrics)
    measured = {item.protocol["metric"] for item in scores.scores}
    if neighbours and "memorisation" not in measured.union(metrics or ()):
        scores = scores.joined(score(samples, registry.metrics().values(), ["memorisation"]))
    if metrics and not scores.scores:
        raise GanzooError(scores.notes[-1])
    return scores


@contextmanager
def reporting_unkept() -> Iterator[None]:
    """Within this block, a file that cannot be written is a warning: what was computed is returned all the same."""
    try:
        yield
    except OSError as error:
        log.warning("cannot write %s: %s; what it would hold is not kept.", error.filename, reason(error))


def write(
    scored: Run | Path, scores: Scores, samples: Samples, report: Report, *, neighbours: bool, out: str | Path | None
) -> None:
    """Write scores to a run's scores.json and to `out`, and draw a run's neighbours if requested."""
    if isinstance(scored, Run):
        with reporting_unkept():
            for line in records.write_merged(scored.scores_file, scores, scored.step):
                report(line)
        if neighbours:
            with reporting_unkept():
                report(f"wrote {draw_neighbours(samples, scored.neighbours_file)}")
    if out is not None:
        records.write_new(Path(out), scores)


def check_source(run: Run, samples: Samples, request: Request) -> dict[str, Any]:
    """What the protocol says of data other than the run was trained on; the same data that moved are recorded."""
    train = samples.real("train")
    fields = source.protocol(run, train)
    if request.data is not None and not fields:
        source.record(run, train, samples.data, run.step)
    return fields


def protocol_fields(scored: Run | Path, samples: Samples, resized: str = "", averaged: bool = True) -> dict[str, Any]:
    """A run's entries in the protocol of its scores; for files, that the seed of their samples is unknown."""
    prepared: dict[str, Any] = {"prepared": resized, "filter": FILTER} if resized else {}
    if samples.skipped:
        prepared["skipped"] = samples.skipped
    if not isinstance(scored, Run):
        return {"seed": None} | prepared
    labels = {}
    if samples.labels is not None:
        like = labels_like(samples.real("train"), scored.gan.classes)
        labels = {"sample_labels": UNIFORM if like is None else LIKE_TRAINING}
    return (
        prepared | labels | {"step": scored.step, "weights": "ema" if len(scored.gan.averages) and averaged else "raw"}
    )
