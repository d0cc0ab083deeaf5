"""Runs the metrics that apply to a set of samples, also on real data, and records the protocol of each score."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from ganzoo.data.resize import FILTER
from ganzoo.data.samples import Measured, Samples
from ganzoo.errors import GanzooError, unknown
from ganzoo.evaluation.abilities import missing
from ganzoo.evaluation.features.spaces import caution
from ganzoo.evaluation.ideals import Better
from ganzoo.evaluation.results import Untouched, Unusable, read_result
from ganzoo.evaluation.score_tables import score_table
from ganzoo.files.checkpoint import write_atomically
from ganzoo.machine.packages import installed_version
from ganzoo.machine.rank_group import LostRank
from ganzoo.pictures.tables import ScoreTable, format_mean
from ganzoo.specs import MetricSpec
from ganzoo.zoo.boundary import Broken, contained, message

SIGNIFICANT_DIGITS = 10

NOT_COMPARED = ("name", "seed", "step", "weights", "versions")
TRAINING_ONLY = ("flip", "labels")
LIKE_TRAINING, UNIFORM = "at random, as frequent as in training", "at random, all equally frequent"
"""How the classes of samples were chosen, in the protocol's `sample_labels`."""

FOR_INFORMATION = ("sha256", "accuracy", "accuracy_on")
"""Of features whose weights are determined by a recipe and the training images, which the protocol names."""


@dataclass(frozen=True)
class Score:
    """One number, and everything that must be equal for another one to be comparable.

    real: the score of as many real held-out samples, which a perfect generator would reach; None if there are too few.
    better: "higher", "lower", the number that is best, or "" if none is.
    protocol: its `name`, for example fd10k_train[domain:mnist]; n_fake, seed, data set, versions, `real` (split and
    number of the samples behind `real`), and what the metric adds: n_real and split of the real data compared with, the
    features with the hash of their weights and their test accuracy, resizing.
    error, real_error: standard errors of `value` and `real`, because of the number of samples; None if unknown.
    """

    name: str
    value: float
    real: float | None
    better: Better
    protocol: dict[str, Any]
    error: float | None = None
    real_error: float | None = None

    def __repr__(self) -> str:
        real = "" if self.real is None else f", real data {format_mean(self.real, self.real_error)}"
        return f"<Score {self.name}: {format_mean(self.value, self.error)}{real}>"

    @property
    def key(self) -> str:
        """Equal for two scores exactly when their values can be compared: see `key_of`."""
        return key_of(asdict(self))


@dataclass(frozen=True)
class Scores:
    """The scores of a set of samples, and a note for each score that could not be computed."""

    scores: list[Score] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def table(self) -> ScoreTable:
        """A row for each score, and the notes."""
        return score_table(map(asdict, self.scores), self.notes)

    def __repr__(self) -> str:
        return self.table().text()

    def _repr_html_(self) -> str:
        return self.table().html()

    def to_json(self) -> str:
        """JSON that is the same for the same scores: sorted keys, 10 significant digits."""
        return json.dumps(_rounded(asdict(self)), indent=1, sort_keys=True, allow_nan=False) + "\n"

    def joined(self, others: Scores) -> Scores:
        """These and `others`, each note once."""
        return Scores([*self.scores, *others.scores], [*dict.fromkeys([*self.notes, *others.notes])])

    def write(self, path: Path) -> None:
        """Write the JSON atomically. Raises OSError."""
        write_atomically(path, self.to_json().encode())


def key_of(score: Mapping[str, Any]) -> str:
    """What must be equal for two scores to be comparable, as JSON.

    score: a row of scores.json, or a Score as a dictionary. The key consists of the name and the protocol, without what
    differs between runs that are to be compared (seed, step, averaged or raw weights), what changes values by rounding
    only (versions), and the data keys that affect training only (mirroring, whether labels are read, and for scores
    against held-out data the fraction of the training data). Features that were trained here are named by their recipe
    and training images: the hash of their weights is for information.
    """
    protocol = {name: part for name, part in score["protocol"].items() if name not in NOT_COMPARED}
    if isinstance(protocol.get("data"), Mapping):
        # Held-out data are whole, whatever fraction was trained on.
        left_out = (*TRAINING_ONLY, *(["fraction"] if protocol.get("split") == "test" else []))
        protocol["data"] = {name: part for name, part in protocol["data"].items() if name not in left_out}
    if protocol.get("sample_labels") == LIKE_TRAINING:
        # As unconditional generators do of themselves, with which they are compared.
        del protocol["sample_labels"]
    features = protocol.get("features")
    if isinstance(features, Mapping) and "recipe" in features:
        protocol["features"] = {name: part for name, part in features.items() if name not in FOR_INFORMATION}
    return json.dumps(_rounded([score["name"], protocol]), sort_keys=True)


def protocol_name(metric: str, values: Collection[str], protocol: Mapping[str, Any]) -> str:
    """A short name like fd10k_train[domain:mnist]: score, number of samples, split compared with, feature space.

    metric: the MetricSpec's name, used if there are several values; a single value's own name is used otherwise.
    """
    first = next(iter(values))
    base, bracket, space = first.partition("[")
    what = base.lower() if len(values) == 1 else metric
    n = protocol["n_fake"]
    count = f"{n // 1000}k" if n % 1000 == 0 else str(n)
    between = "_" if what[-1:].isdigit() else ""
    split = f"_{protocol['split']}" if "split" in protocol else ""
    return f"{what}{between}{count}{split}{bracket}{space}"


def score(
    samples: Samples, specs: Iterable[MetricSpec], metrics: Iterable[str] | None = None, *, with_real: bool = True
) -> Scores:
    """Run the metrics named in `metrics`, or the default ones of `specs` that apply, on the samples and on real data.

    A metric that fails yields a note instead of scores and does not stop the others. with_real: whether to score real
    data too, and to estimate standard errors. Raises GanzooError if `metrics` contains a name that is not in `specs`.
    """
    specs = list(specs)
    chosen = select_metrics(specs, metrics, samples.spec.modality)
    result = Scores()
    if samples.fake.is_floating_point() and not samples.fake.isfinite().all():
        result.notes.append("no scores: the generator's samples are not finite numbers.")
        return result
    if metrics is None:
        chosen += _cheap(specs, samples)
    compared: dict[str, tuple[Samples, Samples | None, dict[str, Any]]] = {}
    for spec in chosen:
        lacking = missing(spec.needs, samples.generator)
        if lacking:
            if metrics is not None:
                result.notes.append(f"{spec.name}: it scores only games with {' and '.join(lacking)}: leave it out.")
            continue
        if spec.split not in compared:
            against = samples.compared_with(spec.split) if spec.split else samples
            compared[spec.split] = _compared(against, result.notes, with_real)
        own, baseline, common = compared[spec.split]
        measured = _compute(spec, own, result.notes, errors=with_real)
        if measured is None:
            continue
        if not measured:
            if metrics is not None:
                result.notes.append(f"{spec.name}: does not apply to these samples of {samples.spec.name}.")
            continue
        # Real samples are drawn by no game.
        comparable = None if spec.needs else baseline
        real = None if comparable is None else _compute(spec, comparable, result.notes, "of real samples", True)
        doubt = caution(measured.protocol.get("features"))
        if doubt is not None:
            _note(result.notes, doubt)
        protocol = common | {"metric": spec.name} | measured.protocol
        protocol["name"] = protocol_name(spec.name, measured, protocol)
        for name, value in measured.items():
            real_value = real.get(name) if real else measured.of_real.get(name)
            errors = [_error(of, name) for of in (measured, real)]
            result.scores.append(Score(name, value, real_value, _better(spec, name), dict(protocol), *errors))
    return result


def _cheap(specs: Iterable[MetricSpec], samples: Samples) -> list[MetricSpec]:
    """Those that are not computed by default, but are for these samples."""
    found = []
    for spec in specs:
        if spec.cheap is not None and not spec.default and samples.spec.modality in spec.modalities:
            # A metric that cannot say so is not computed.
            with suppress(GanzooError, Broken), contained(GanzooError, LostRank):
                if spec.cheap(samples):
                    found.append(spec)
    return found


def _compared(samples: Samples, notes: list[str], with_real: bool) -> tuple[Samples, Samples | None, dict[str, Any]]:
    """Samples, as many real ones of the other split, and what the protocols of their scores share."""
    baseline = _real_baseline(samples, notes) if with_real else None
    return samples, baseline, _common_protocol(samples, baseline)


def select_metrics(specs: Iterable[MetricSpec], metrics: Iterable[str] | None, modality: str) -> list[MetricSpec]:
    """The `specs` named in `metrics`; without names, the default ones for the modality.

    Raises GanzooError for an unknown name or a metric of another modality.
    """
    specs = list(specs)
    if metrics is None:
        return [spec for spec in specs if modality in spec.modalities and spec.default]
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


def _real_baseline(samples: Samples, notes: list[str]) -> Samples | None:
    try:
        return samples.real_baseline()
    except GanzooError as error:
        _note(notes, f"no scores of real held-out samples to compare with: {error}")
        return None


def _compute(
    spec: MetricSpec, samples: Samples, notes: list[str], of: str = "", errors: bool = False
) -> Measured | None:
    """The values of the metric, without those that are not finite; None if it fails. Notes report both.

    errors: whether to compute their standard errors too.
    """
    untouched = Untouched(samples)
    try:
        with contained(GanzooError, LostRank, Unusable):
            measured, infinite, wrong = read_result(spec.compute(samples))
    except GanzooError as error:
        _note(notes, message(error))
        return None
    except Unusable as error:
        _note(notes, f"{spec.name}: it returned {error}.")
        return None
    # A third-party metric can fail in any way; the other metrics are still computed.
    except Broken as error:
        _note(notes, f"{spec.name}: failed with {error}")
        return None
    finally:
        changed = untouched.restore()
    if changed:
        _note(notes, f"{spec.name}: it changes the samples, so it has no scores: it must work on a copy.")
        return None
    if wrong:
        _note(notes, f"{spec.name}: it returned {'; '.join(wrong)}: it must return finite numbers by name.")
    for name in infinite:
        _note(notes, f"{name}: no value{' ' + of if of else ''}, as the result is not a finite number.")
    if not measured and (infinite or wrong):
        return None
    for line in measured.notes:
        _note(notes, line)
    found = _standard_errors(spec, measured, notes) if errors else {}
    measured.standard_errors = lambda: found
    return measured


def _standard_errors(spec: MetricSpec, measured: Measured, notes: list[str]) -> dict[str, float]:
    """Those of the metric's values, where it has any that are finite. If they cannot be computed, a note reports it."""
    if measured.standard_errors is None:
        return {}
    try:
        with contained(LostRank):
            given = {name: float(value) for name, value in measured.standard_errors().items()}
    # The values are there all the same.
    except Broken as error:
        _note(notes, f"{spec.name}: its standard errors failed with {error}")
        return {}
    return {name: value for name, value in given.items() if math.isfinite(value)}


def _error(measured: Measured | None, name: str) -> float | None:
    """The standard error of a value; None if it is not known."""
    return measured.standard_errors().get(name) if measured and measured.standard_errors else None


def _note(notes: list[str], line: str) -> None:
    if line not in notes:
        notes.append(line)


def _better(spec: MetricSpec, name: str) -> Better:
    """The direction that the metric declares for the longest prefix of `name`."""
    fitting = [prefix for prefix in spec.better if name.startswith(prefix)]
    return spec.better[max(fitting, key=len)] if fitting else ""


def _common_protocol(samples: Samples, baseline: Samples | None) -> dict[str, Any]:
    split = "train" if samples.reference == "test" else "test"
    return {
        "n_fake": len(samples.fake),
        "seed": samples.seed,
        "data": _data_protocol(samples),
        "real": None if baseline is None else {"split": split, "n": len(baseline.fake)},
        "versions": {"torch": torch.__version__, "torch-fidelity": installed_version("torch-fidelity")},
    }


def _data_protocol(samples: Samples) -> dict[str, Any]:
    """The real data, including how their values and sizes were converted, if they were."""
    keys = asdict(samples.data)
    unset = [
        name
        for name in ("low", "high", "layout", "second_path", "settings", "length", "rate")
        if keys[name] in (None, "auto", "", {})
    ]
    unset += ["fraction"] if keys["fraction"] == 1 else []
    # The numbers of real samples in the protocol tell it.
    unset.append("held_out")
    kept = {name: value for name, value in keys.items() if name not in unset}
    filtered = {"filter": FILTER} if samples.data.size is not None else {}
    return kept | filtered | {"name": samples.spec.name, "shape": list(samples.spec.shape)}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(part) for part in value]
    return value
