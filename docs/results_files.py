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
    """The command, machine and date of a results file, in one line; and of rows that another machine measured."""
    others: dict[str, list[str]] = {}
    rows = found.get("rows")
    # Where rows are a list, all are of one run.
    for name, row in rows.items() if isinstance(rows, Mapping) else ():
        if "machine" in row:
            others.setdefault(_machine(row["machine"]), []).append(name)
    told = "".join(f" {', '.join(names)}: {machine}." for machine, names in others.items())
    return f"`{found['command']}`, {_machine(found['machine'])}.{told}"


def _machine(machine: Mapping[str, Any]) -> str:
    versions = f"torch {machine['versions']['torch']}"
    return f"{machine['processor']}, {machine['cores']} cores, {versions}, {machine['date']}"
