"""How strange samples in files are to a trained game that finds anomalies, as numbers and as a picture."""

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
from ganzoo.files.atomic import write_new
from ganzoo.files.new_files import new_picture, writing
from ganzoo.files.typed import typed_path
from ganzoo.machine.launch import choose_device
from ganzoo.pictures.sheets import encoded
from ganzoo.recipes import RunOptions
from ganzoo.runs import judging
from ganzoo.runs.inputs import read_samples
from ganzoo.runs.run import Run
from ganzoo.runs.source import own_data
from ganzoo.zoo import registry
from ganzoo.zoo.datasets import load_data

HELD_OUT = 1_000
"""Held-out samples that the scores of files are compared with."""

DRAWN = 24
"""Samples that are drawn, the strangest ones."""


@dataclass(frozen=True)
class Anomaly:
    """One sample. score: higher for stranger ones, in units of the variant's own.

    above: the fraction of held-out samples of the run's data that are less strange; None if these cannot be read.
    """

    name: str
    score: float
    above: float | None


def anomaly_scores(
    run: Run | str | Path,
    files: str | Path | Iterable[str | Path],
    *,
    best: bool = False,
    device: str = "auto",
    grid: str | Path | None = None,
) -> list[Anomaly]:
    """The anomaly scores of the samples in files and folders, in their order, by a run of a variant that has them.

    best: by the state that `eval_every` found best, not the last. Samples are converted like the run's training data.
    grid: a new picture of the strangest ones, for a variant with an encoder: each above its reconstruction and where
    the two differ. Raises GanzooError for a file that cannot be read, a variant that scores no samples, and a picture
    that exists or cannot be drawn.
    """
    target = None if grid is None else new_picture("--grid", grid)
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
    x = torch.cat([part for part, _ in read])
    scores = judging.anomaly_scores(run.gan, variant, x, where)
    if target is not None:
        _draw(run, x, scores, target)
    usual = _held_out_scores(run, where)
    above = None if usual is None else torch.searchsorted(usual, scores) / len(usual)
    names = [name for _, own in read for name in own]
    return [
        Anomaly(name, float(score), None if above is None else float(above[row]))
        for row, (name, score) in enumerate(zip(names, scores, strict=True))
    ]


def _draw(run: Run, x: Tensor, scores: Tensor, path: Path) -> None:
    """Draw the strangest samples, their reconstructions and the differences. Raises GanzooError if that cannot be."""
    strangest = scores.argsort(descending=True)[:DRAWN]
    x, kind = x[strangest], registry.modality(run.data.modality)
    made = judging.reconstruct(run.gan, run.info["variant"], x, run.data.range)
    picture = kind.differences(x, made, run.data, [f"{float(score):.3g}" for score in scores[strangest]])
    if picture is None:
        raise GanzooError(f"there is no picture of what differs in {kind.name} data: leave --grid out.")
    with writing(path):
        write_new(path, encoded(picture, path.suffix))


def _held_out_scores(run: Run, device: torch.device) -> Tensor | None:
    """The sorted scores of held-out samples; None if the run's data cannot be read, or none are held out."""
    try:
        found = load_data(own_data(run), RunOptions(**run.options()), "test")
    except GanzooError:
        return None
    x = found.batch(subset(found.count, HELD_OUT))["x"]
    return judging.anomaly_scores(run.gan, run.info["variant"], x, device).sort().values
