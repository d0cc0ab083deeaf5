"""Files of scores: what is measured later joins what is there, and nothing is lost."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.evaluation.scoring import Score, Scores, key_of


def write_merged(path: Path, scores: Scores, step: int) -> list[str]:
    """Write the scores of a run at `step` to `path`, joined with those of the same step that it holds.

    A score takes the place of one that it is comparable with (`Score.key`); the others stay. A file of another step is
    renamed, to scores-step-000002000.json for scores.json, and so is a damaged one. Returns a line for each of these.
    Raises OSError.
    """
    lines: list[str] = []
    old = _read(path)
    if old is None:
        lines += _rename_aside(path, f"{path.stem}-damaged", "could not be read")
    elif old.scores and old.scores[0].protocol.get("step") != step:
        before = old.scores[0].protocol.get("step", 0)
        lines += _rename_aside(path, f"{path.stem}-step-{before:09d}", f"was of step {before}")
        old = None
    if old is None:
        old = Scores()
    joined = {_identity(item): item for item in old.scores}
    new = {_identity(item): item for item in scores.scores}
    kept = len(joined.keys() - new.keys())
    joined |= new
    notes = [*dict.fromkeys([*(old.notes if kept else []), *scores.notes])]
    Scores([*joined.values()], notes).write(path)
    return lines


def write_new(path: Path, scores: Scores) -> None:
    """Write the scores to a file that does not exist. Raises GanzooError."""
    require_absent(path)
    try:
        scores.write(path)
    except OSError as error:
        raise GanzooError(f"cannot write {path}: {error.strerror or error}.") from error


def require_absent(path: Path) -> None:
    """Raise GanzooError if there is something at `path`."""
    if path.exists():
        raise GanzooError(f"{path} exists: choose another name, or remove it first.")


def _identity(item: Score) -> tuple[str, str]:
    return item.name, key_of(dataclasses.asdict(item))


def _read(path: Path) -> Scores | None:
    """The scores in a file, none if there is no file; None if it is damaged."""
    if not path.exists():
        return Scores()
    known = {field.name for field in dataclasses.fields(Score)}
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        rows = [Score(**{name: row[name] for name in known}) for row in content["scores"]]
        return Scores(rows, [str(note) for note in content["notes"]])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _rename_aside(path: Path, stem: str, why: str) -> list[str]:
    target, number = path.with_name(f"{stem}.json"), 1
    while target.exists():
        number += 1
        target = path.with_name(f"{stem}-{number}.json")
    path.replace(target)
    return [f"{path.name} {why}: it is now {target.name}."]
