"""Results files. Each begins with the command and the machine that produced it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ganzoo.machine.facts import machine

FOLDER = Path(__file__).parent / "results"
IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
"""Where the figures of the docs are."""


def write(name: str, command: str, values: dict[str, Any]) -> Path:
    """Write the command, the machine and the values to results/NAME.json; returns its path."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps({"command": command, "machine": machine(), **values}, indent=1) + "\n", "utf-8")
    return path


def is_of_this_machine(found: dict[str, Any]) -> bool:
    """Whether the content of a results file was measured on this machine, with these versions."""
    now = machine()
    return all(found["machine"].get(key) == now[key] for key in ("processor", "cores", "versions"))


def rows(name: str) -> dict[str, Any]:
    """The rows that are already in results/NAME.json, to be written again with new ones.

    A row of another machine, or of other versions, says so: it has that machine under "machine".
    """
    path = FOLDER / f"{name}.json"
    if not path.exists():
        return {}
    before = json.loads(path.read_text("utf-8"))
    found: dict[str, Any] = {}
    for row, values in before["rows"].items():
        measured = {"machine": before["machine"]} | values
        if is_of_this_machine(measured):
            del measured["machine"]
        found[row] = measured
    return found
