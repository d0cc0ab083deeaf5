"""The scores of a run as a table, with the protocol of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.evaluation.ideals import Better
from ganzoo.pictures.tables import format_mean
from ganzoo.recipes import flat
from ganzoo.reporting.bounds import Fact, first, key_text, part, text
from ganzoo.runs.run import Run

MOST = 100
"""Scores in a table."""


@dataclass(frozen=True)
class Row:
    """A score, as text. n: number of samples. against: the real data compared with. protocol: its short name."""

    name: str
    value: str
    real: str
    better: str
    n: str
    against: str
    features: str
    protocol: str


@dataclass(frozen=True)
class Protocol:
    """A protocol in full, and the scores that it is of."""

    name: str
    scores: list[str]
    facts: list[Fact]


@dataclass(frozen=True)
class Scores:
    """A file of scores. title: of which state. note: what is wrong with the file, if anything."""

    title: str
    rows: list[Row] = field(default_factory=list)
    protocols: list[Protocol] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    errors: bool = False


def scores_of(run: Run) -> list[Scores]:
    """The scores of a run's last state and of its best one, as far as there are any."""
    at_best = Run(run.path, run.info, at_best=True)
    found = [_read(run, "Last state"), _read(at_best, "Best state")]
    return [scores for scores in found if scores is not None]


def rows_of(run: Run) -> list[dict[str, Any]]:
    """The rows of a run's file of scores; none if it is damaged or missing."""
    try:
        content = run.scores
    except GanzooError:
        return []
    return content["scores"] if content else []


def _read(run: Run, title: str) -> Scores | None:
    try:
        content = run.scores
    except GanzooError as error:
        return Scores(title, notes=[text(error)])
    if content is None:
        return None
    rows = first(content["scores"], MOST)
    steps = sorted({row["protocol"].get("step") for row in rows} - {None})
    at = f", step {', '.join(f'{step:,}' for step in steps[:3])}" if steps else ""
    return Scores(
        title + at,
        [_row(row) for row in rows],
        _protocols(rows),
        [text(note) for note in first(content["notes"], MOST)],
        any(row.get("error") is not None for row in rows),
    )


def _row(row: Mapping[str, Any]) -> Row:
    protocol, real = row["protocol"], row.get("real")
    split, n_real = protocol.get("split"), protocol.get("n_real")
    against = " ".join(_count(value) for value in (n_real, split) if value is not None)
    features = protocol.get("features")
    return Row(
        name=text(row["name"]),
        value=format_mean(row["value"], row.get("error")),
        real="" if real is None else format_mean(real, row.get("real_error")),
        better=_better(row.get("better", "")),
        n=_count(protocol.get("n_fake", "")),
        against=against,
        features=text(part(features, "space") or features or ""),
        protocol=text(protocol.get("name", "")),
    )


def _better(better: Better) -> str:
    """Which values are better, in a word."""
    return better if isinstance(better, str) else f"near {better:g}"


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else text(value, 80)


def _protocols(rows: list[dict[str, Any]]) -> list[Protocol]:
    """Every protocol once; two that differ in anything are two."""
    found: list[tuple[dict[str, Any], list[str]]] = []
    for row in rows:
        for protocol, names in found:
            if protocol == row["protocol"]:
                names.append(text(row["name"]))
                break
        else:
            found.append((row["protocol"], [text(row["name"])]))
    return [
        Protocol(
            text(protocol.get("name", "")),
            names,
            [Fact(text(key), key_text(value)) for key, value in first(flat(protocol).items(), 80)],
        )
        for protocol, names in found
    ]
