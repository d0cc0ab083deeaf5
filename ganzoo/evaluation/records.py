"""Files of scores: new scores are merged with the existing ones, and nothing is lost."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.evaluation.score_files import read_scores
from ganzoo.evaluation.scoring import Score, Scores, key_of
from ganzoo.files import atomic
from ganzoo.files.atomic import naming
from ganzoo.files.lock import locked
from ganzoo.files.new_files import writing


def write_merged(path: Path, scores: Scores, step: int) -> list[str]:
    """Write the scores of a run at `step` to `path`, merged with those of the same step in the file.

    A score replaces one that it is comparable with (`Score.key`); the others are kept. A damaged file or one of another
    step is renamed first, for example to scores-step-000002000.json; the returned lines report this. Several processes
    may add scores of a run at the same time. Raises OSError.
    """
    with naming(path), locked(path.with_name(f".{path.name}.lock")):
        return _merge(path, scores, step)


def _merge(path: Path, scores: Scores, step: int) -> list[str]:
    lines: list[str] = []
    try:
        old = _as_scores(read_scores(path))
    except GanzooError:
        lines += _rename_aside(path, f"{path.stem}-damaged", "could not be read")
        old = Scores()
    before = old.scores[0].protocol.get("step", 0) if old.scores else step
    if before != step:
        lines += _rename_aside(path, f"{path.stem}-step-{before:09d}", f"was of step {before}")
        old = Scores()
    merged = {_identity(item): item for item in old.scores}
    new = {_identity(item): item for item in scores.scores}
    kept = len(merged.keys() - new.keys())
    merged |= new
    notes = [*dict.fromkeys([*(old.notes if kept else []), *scores.notes])]
    Scores([*merged.values()], notes).write(path)
    return lines


def write_new(path: Path, scores: Scores) -> None:
    """Write the scores to a file that does not exist. Raises GanzooError."""
    with writing(path):
        atomic.write_new(path, scores.to_json().encode())


def _identity(item: Score) -> tuple[str, str, str]:
    # Scores of averaged and of raw weights can be compared, and both are kept.
    return item.name, key_of(dataclasses.asdict(item)), str(item.protocol.get("weights", ""))


def preferred(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a file of scores, of those that differ in weights only the one of the averaged weights."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        key = key_of(row)
        if key not in found or row["protocol"].get("weights") == "ema":
            found[key] = row
    return list(found.values())


def _as_scores(content: dict[str, Any] | None) -> Scores:
    if content is None:
        return Scores()
    optional = {"real": None, "better": ""}
    known = {field.name for field in dataclasses.fields(Score)}
    rows = [
        Score(**{name: value for name, value in (optional | row).items() if name in known}) for row in content["scores"]
    ]
    return Scores(rows, content["notes"])


def _rename_aside(path: Path, stem: str, why: str) -> list[str]:
    return [f"{path.name} {why}: it is now {atomic.move_aside(path, stem).name}."]
