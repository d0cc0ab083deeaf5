"""Writing files of samples that say that they are synthetic, and which weights made them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.files.atomic import write_all_new, write_first_free
from ganzoo.files.marks import manifest, manifest_path, marked, source_type
from ganzoo.machine.facts import installed_version
from ganzoo.runs.run import Run

TOOL = f"ganzoo {installed_version('ganzoo')}"

MARKED = (".png", ".jpg", ".jpeg")
"""Endings of files that hold their own mark, and need no JSON file beside them."""


def note_of(run: Run, seed: int, from_inputs: bool = False) -> dict[str, Any]:
    """What the mark of samples says."""
    return {
        "digitalSourceType": source_type(from_inputs),
        "variant": run.info["variant"],
        "recipe": run.info["recipe_name"],
        "dataset": run.data.name,
        "step": run.step,
        "weights": f"sha256:{run.digest()}",
        "seed": seed,
        **({"averaged": False} if run.is_raw else {}),
    }


def require_room_for_mark(target: Path) -> None:
    """Raise GanzooError if a new file's mark goes into a JSON file beside it that exists already."""
    beside = manifest_path(target)
    if target.suffix.lower() not in MARKED and os.path.lexists(beside):
        raise GanzooError(f"{beside} exists: choose another name, remove it first, or type --no-mark.")


def write_marked(target: Path, content: bytes, note: dict[str, Any] | None, names: Iterable[Path] = ()) -> Path:
    """Write a file, marked or with its mark beside it, and return its path.

    note: None for no mark. names: the file goes under the first free one of these, by default to `target`.
    """
    with_mark = marked(content, TOOL, note) if note else content
    if with_mark is not None:
        return write_first_free(names or [target], with_mark)
    write_all_new({target: content, manifest_path(target): manifest({target.name: content}, TOOL, note or {})})
    return target
