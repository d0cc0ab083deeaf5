"""Reading the JSON files and JSON-lines logs of a run, which may be damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_json(path: Path) -> Any:
    """The content of a JSON file; None if it cannot be read or parsed."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def read_records(path: Path, *, numbers: bool = False) -> list[dict[str, Any]]:
    """The records of a log, oldest first, up to the first line that is not a complete record with a step.

    numbers: require that all values of a record are numbers and that it has the seconds of training.
    """
    records: list[dict[str, Any]] = []
    if not path.is_file():
        return records
    for line in path.read_text("utf-8", "replace").splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(record, dict) or not isinstance(record.get("step"), int):
            break
        if numbers and not ("seconds" in record and all(isinstance(value, (int, float)) for value in record.values())):
            break
        records.append(record)
    return records
