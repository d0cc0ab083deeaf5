"""How strange samples in files are to a trained game that finds anomalies."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ganzoo.api.planning import make_options
from ganzoo.data.samples import subset
from ganzoo.errors import GanzooError
from ganzoo.files.typed import typed_path
from ganzoo.machine.launch import choose_device
from ganzoo.recipes import RunOptions
from ganzoo.runs import judging
from ganzoo.runs.inputs import read_samples
from ganzoo.runs.run import Run
from ganzoo.runs.source import own_data
from ganzoo.zoo.datasets import load_data

HELD_OUT = 1_000
"""Held-out samples that the scores of files are compared with."""


@dataclass(frozen=True)
class Anomaly:
    """One sample. score: higher for stranger ones, in units of the variant's own.

    above: the fraction of held-out samples of the run's data that are less strange; None if these cannot be read.
    """

    name: str
    score: float
    above: float | None


def anomaly_scores(
    run: Run | str | Path, files: str | Path | Iterable[str | Path], *, best: bool = False, device: str = "auto"
) -> list[Anomaly]:
    """The anomaly scores of the samples in files and folders, in their order, by a run of a variant that has them.

    best: by the state that `eval_every` found best, not the last. Samples are converted like the run's training data.
    Raises GanzooError for a file that cannot be read, and for a variant that scores no samples.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    run = run.best() if best else run
    paths = [files] if isinstance(files, (str, os.PathLike)) else list(files)
    if not paths:
        raise GanzooError("name files or folders with samples to score.")
    chosen = make_options(device=device)
    variant = run.info["variant"]
    read: list[tuple[Tensor, list[str]]] = []
    for path in paths:
        file = typed_path(path)
        x, names = read_samples(file, run.data)
        inside = file.is_dir() or len(names) > 1
        read.append((x, [str(file / name) if inside else str(file) for name in names]))
    where = choose_device(chosen.device)
    scores = judging.anomaly_scores(run.gan, variant, torch.cat([x for x, _ in read]), where)
    usual = _held_out_scores(run, where)
    above = None if usual is None else torch.searchsorted(usual, scores) / len(usual)
    names = [name for _, own in read for name in own]
    return [
        Anomaly(name, float(score), None if above is None else float(above[row]))
        for row, (name, score) in enumerate(zip(names, scores, strict=True))
    ]


def _held_out_scores(run: Run, device: torch.device) -> Tensor | None:
    """The sorted scores of held-out samples; None if the run's data cannot be read, or none are held out."""
    try:
        found = load_data(own_data(run), RunOptions(**run.options()), "test")
    except GanzooError:
        return None
    x = found.batch(subset(found.count, HELD_OUT))["x"]
    return judging.anomaly_scores(run.gan, run.info["variant"], x, device).sort().values
