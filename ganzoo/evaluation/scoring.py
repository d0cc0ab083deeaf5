"""Runs the metrics that suit a set of samples, and the same ones on real data, and writes down how."""

from __future__ import annotations

import importlib.metadata
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from ganzoo.checkpoint import write_atomically
from ganzoo.errors import GanzooError, unknown
from ganzoo.evaluation.samples import Measured, Samples
from ganzoo.specs import MetricSpec

DIGITS = 10


@dataclass(frozen=True)
class Score:
    """One number, and all that must be equal for another to be comparable.

    real: what real held-out samples get, which a perfect generator would get too; None where there are none.
    better: "higher", "lower", or "" where the metric does not say.
    protocol: n_fake, seed, data set, versions, `real` (split and number of the samples behind `real`), and what the
    metric adds: n_real and split that it compares with, features with their weights' hash and test accuracy, resizing.
    """

    name: str
    value: float
    real: float | None
    better: str
    protocol: dict[str, Any]


@dataclass(frozen=True)
class Scores:
    """The scores of a set of samples, and a line for each score that could not be given."""

    scores: list[Score] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """JSON that is the same for the same scores: sorted keys, 10 significant digits."""
        return json.dumps(_rounded(asdict(self)), indent=1, sort_keys=True, allow_nan=False) + "\n"

    def write(self, path: Path) -> None:
        """Write the JSON, whole or not at all. Raises OSError."""
        write_atomically(path, self.to_json().encode())


def score(samples: Samples, specs: Iterable[MetricSpec], metrics: Iterable[str] | None = None) -> Scores:
    """Run those of `specs` that suit the samples, or those named in `metrics`, on the samples and on real data.

    A metric that fails costs its scores and gives a note; it does not stop the others. Raises GanzooError if `metrics`
    has a name that is not among `specs`.
    """
    chosen = _choose(list(specs), metrics, samples.spec.modality)
    result = Scores()
    if samples.fake.is_floating_point() and not samples.fake.isfinite().all():
        result.notes.append("no scores: the generator's samples are not finite numbers.")
        return result
    stand_in = _stand_in(samples, result.notes)
    common = _common_protocol(samples, stand_in)
    for spec in chosen:
        measured = _compute(spec, samples, result.notes)
        if measured is None:
            continue
        if not measured:
            if metrics is not None:
                result.notes.append(f"{spec.name}: does not apply to these samples of {samples.spec.name}.")
            continue
        real = _compute(spec, stand_in, result.notes, "of real samples") if stand_in is not None else None
        protocol = common | {"metric": spec.name} | measured.protocol
        for name, value in measured.items():
            result.scores.append(Score(name, value, real.get(name) if real else None, _better(spec, name), protocol))
    return result


def _choose(specs: list[MetricSpec], metrics: Iterable[str] | None, modality: str) -> list[MetricSpec]:
    if metrics is None:
        return [spec for spec in specs if modality in spec.modalities]
    known = {spec.name: spec for spec in specs}
    chosen = []
    for name in dict.fromkeys(metrics):
        if name not in known:
            raise unknown("metric", name, known, "(`ganzoo list metrics`)")
        if modality not in known[name].modalities:
            wanted = " or ".join(known[name].modalities)
            raise GanzooError(f"the metric {name!r} scores data of the kind {wanted}, not {modality}: leave it out.")
        chosen.append(known[name])
    return chosen


def _stand_in(samples: Samples, notes: list[str]) -> Samples | None:
    try:
        stand_in = samples.stand_in()
    except GanzooError as error:
        notes.append(f"no scores of real held-out samples to compare with: {error}")
        return None
    if 2 * len(stand_in.fake) < len(samples.fake):
        notes.append(
            f"the scores of real samples are from {len(stand_in.fake):,} only, not {len(samples.fake):,}: "
            "the fewer samples, the lower IS and the higher FD come out."
        )
    return stand_in


def _compute(spec: MetricSpec, samples: Samples, notes: list[str], whose: str = "") -> Measured | None:
    """What the metric measures; None if it fails. A note names what failed, and what is not a number is left out."""
    try:
        measured = spec.compute(samples)
    except GanzooError as error:
        _note(notes, str(error))
        return None
    # A stranger's metric may fail in any way; the scores of the others are still wanted.
    except Exception as error:
        _note(notes, f"{spec.name}: failed with {type(error).__name__}: {error}")
        return None
    finite = {name: float(value) for name, value in measured.items() if math.isfinite(value)}
    for name in sorted(measured.keys() - finite.keys()):
        _note(notes, f"{name}: no value{' ' + whose if whose else ''}, as the result is not a finite number.")
    if measured and not finite:
        return None
    return Measured(finite, **getattr(measured, "protocol", {}))


def _note(notes: list[str], line: str) -> None:
    if line not in notes:
        notes.append(line)


def _better(spec: MetricSpec, name: str) -> str:
    """The direction of the longest prefix of `name` that the metric knows."""
    fitting = [prefix for prefix in spec.better if name.startswith(prefix)]
    return spec.better[max(fitting, key=len)] if fitting else ""


def _common_protocol(samples: Samples, stand_in: Samples | None) -> dict[str, Any]:
    split = "train" if samples.reference == "test" else "test"
    return {
        "n_fake": len(samples.fake),
        "seed": samples.seed,
        "data": asdict(samples.data) | {"name": samples.spec.name, "shape": list(samples.spec.shape)},
        "real": None if stand_in is None else {"split": split, "n": len(stand_in.fake)},
        "versions": {"torch": torch.__version__, "torch-fidelity": importlib.metadata.version("torch-fidelity")},
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(part) for part in value]
    return value
