"""The curves on a page: losses, other logged terms, and scores during training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganzoo.files import checkpoint
from ganzoo.pictures.tables import format_number
from ganzoo.reporting.bounds import text
from ganzoo.reporting.curves import Chart, Level, Series, chart
from ganzoo.reporting.scores import rows_of
from ganzoo.runs.run import Run

Labelled = Sequence[tuple[str, Run]]
"""Runs, each with its name on the page."""

TOGETHER = 8
"""Losses of a run in one picture."""

CHARTS = 24
"""Pictures of a kind."""

LOSS = "/loss"


def losses(runs: Labelled) -> list[Chart]:
    """The losses: of one run all in a picture, of several runs a picture for each."""
    if len(runs) > 1:
        return _each(runs, lambda name: name.endswith(LOSS))
    records = runs[0][1].metrics()
    names = [name for name in _terms(records) if name.endswith(LOSS)]
    found = []
    for start in range(0, min(len(names), CHARTS * TOGETHER), TOGETHER):
        chosen = names[start : start + TOGETHER]
        series = [Series(name, _points(records, name), number) for number, name in enumerate(chosen)]
        found.append(chart("Losses", series))
    return [drawn for drawn in found if drawn]


def terms(runs: Labelled) -> list[Chart]:
    """A picture for each other term that was logged."""
    return _each(runs, lambda name: "/" in name and not name.endswith(LOSS))


def _each(runs: Labelled, chosen: Any) -> list[Chart]:
    """A picture for each of the chosen terms, with a line for each run."""
    logs = [(label, run.metrics()) for label, run in runs]
    names = dict.fromkeys(name for _, records in logs for name in _terms(records) if chosen(name))
    found = []
    for name in list(names)[:CHARTS]:
        series = [
            Series(label if len(runs) > 1 else name, points, number)
            for number, (label, records) in enumerate(logs)
            if (points := _points(records, name))
        ]
        found.append(chart(text(name, 80), series))
    return [drawn for drawn in found if drawn]


def _terms(records: Sequence[Mapping[str, float]]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record if "/" in name))


def _points(records: Sequence[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    return [(record["step"], record[name]) for record in records if name in record]


def evaluations(runs: Labelled) -> list[Chart]:
    """A picture for each score during training and each protocol, with the real data's score if it is known."""
    found: dict[tuple[str, str], dict[int, list[tuple[float, float]]]] = {}
    for number, (_, run) in enumerate(runs):
        for record in run.evaluations():
            for name, value in record["scores"].items():
                key = (name, str(record["protocol"].get(name, "")))
                found.setdefault(key, {}).setdefault(number, []).append((record["step"], value))
    charts = []
    for (name, protocol), lines in list(found.items())[:CHARTS]:
        series = [Series(runs[n][0] if len(runs) > 1 else name, points, n) for n, points in lines.items()]
        levels, notes = _real(name, protocol, [runs[number][1] for number in lines])
        best = [point for number, points in lines.items() for point in _best(runs[number][1], points)]
        if best:
            notes.append("Ringed: the state that was kept as the best.")
        charts.append(chart(text(name, 80), series, levels, [f"Protocol: {text(protocol, 120)}.", *notes], best))
    return [drawn for drawn in charts if drawn]


def _real(name: str, protocol: str, runs: Sequence[Run]) -> tuple[list[Level], list[str]]:
    """The score of real data by the same protocol; a note on its score by another one, which is not comparable."""
    known = [row for run in runs for row in rows_of(run) if row["name"] == name and row.get("real") is not None]
    same = dict.fromkeys(row["real"] for row in known if row["protocol"].get("name") == protocol)
    if same:
        return [Level("real data", value) for value in list(same)[:3]], []
    if known:
        real, other = format_number(known[0]["real"]), text(known[0]["protocol"].get("name", ""), 120)
        return [], [f"Real data have {real} by another protocol, {other}, so it is not drawn."]
    return [], []


def _best(run: Run, points: Sequence[tuple[float, float]]) -> list[tuple[float, float, str]]:
    step = max(checkpoint.found(run.path / "checkpoints" / "best"), default=None)
    return [(at, value, f"best state, step {at:,.0f}") for at, value in points if at == step]
