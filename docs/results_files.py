"""The results files that the docs' tables are made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"


def result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    return found


def where(found: Mapping[str, Any]) -> str:
    """The command, machine and date of a results file, in one line."""
    machine = found["machine"]
    versions = f"torch {machine['versions']['torch']}"
    return f"`{found['command']}`, {machine['processor']}, {machine['cores']} cores, {versions}, {machine['date']}."
