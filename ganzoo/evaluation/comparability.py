"""Columns of comparable scores: only scores with equal protocols share a column."""

from __future__ import annotations

import json
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ganzoo.evaluation.ideals import Better
from ganzoo.evaluation.scoring import key_of
from ganzoo.recipes import flat


@dataclass(frozen=True)
class Column:
    """A column of comparable scores. title: the score's name, plus what distinguishes it from others of that name."""

    key: str
    name: str
    title: str
    better: Better


def columns_of(scores: Iterable[Mapping[str, Any]]) -> tuple[list[Column], list[str]]:
    """A column for each key, in order of appearance, and a legend line for each column whose name is not unique.

    scores: rows of scores.json.
    """
    examples: dict[str, Mapping[str, Any]] = {}
    for score in scores:
        examples.setdefault(key_of(score), score)
    by_name: dict[str, list[str]] = {}
    for key, score in examples.items():
        by_name.setdefault(score["name"], []).append(key)
    columns, legend = [], []
    for name, keys in by_name.items():
        titles = _titles(name, [examples[key] for key in keys])
        for key, title in zip(keys, titles, strict=True):
            columns.append(Column(key, name, title, examples[key].get("better", "")))
        if len(keys) > 1:
            legend += _legend(titles, [json.loads(key)[1] for key in keys])
    return columns, legend


def _titles(name: str, scores: list[Mapping[str, Any]]) -> list[str]:
    if len(scores) == 1:
        return [name]
    protocols = [str(score["protocol"].get("name", "")) for score in scores]
    if len(set(protocols)) == len(protocols) and all(protocols):
        return [f"{name} ({protocol})" for protocol in protocols]
    return [f"{name} ({letter})" for letter, _ in zip(_letters(), scores, strict=False)]


def _letters() -> Iterable[str]:
    yield from string.ascii_lowercase
    yield from (a + b for a in string.ascii_lowercase for b in string.ascii_lowercase)


def _legend(titles: list[str], protocols: list[dict[str, Any]]) -> list[str]:
    rows = [flat(protocol) for protocol in protocols]
    names = sorted({name for one in rows for name in one})
    differing = [name for name in names if len({json.dumps(one.get(name)) for one in rows}) > 1]
    return [
        f"{title}: " + ", ".join(f"{name} {one.get(name)}" for name in differing)
        for title, one in zip(titles, rows, strict=True)
    ]
