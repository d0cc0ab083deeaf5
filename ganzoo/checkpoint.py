"""Checkpoints: written whole or not at all, verified when read, and never unpickled beyond tensors and plain values."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ganzoo.errors import GanzooError

FORMAT = 1
NAME = re.compile(r"step-(\d{9})\.pt")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def save(folder: Path, step: int, state: dict[str, Any], keep: int = 2) -> Path:
    """Write `state` as the checkpoint of `step`, then remove all but the `keep` newest. Returns its path.

    Beside `step-N.pt` lies `step-N.json` with format and checksum, written second: without it it is not whole.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    path = folder / f"step-{step:09d}.pt"
    write_atomically(path, content)
    note = {"format": FORMAT, "step": step, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    write_atomically(path.with_suffix(".json"), (json.dumps(note, indent=1) + "\n").encode())
    # A newer one is damaged, or training would have gone on from there; it must not count among those to keep.
    newer = [found for found in _found(folder) if found[0] > step]
    older = sorted(found for found in _found(folder) if found[0] <= step)
    for _, old in newer + older[:-keep]:
        old.unlink(missing_ok=True)
        old.with_suffix(".json").unlink(missing_ok=True)
    return path


def load(path: Path) -> dict[str, Any]:
    """The state in a checkpoint, on the CPU. GanzooError if it is damaged, of another format, or holds code."""
    try:
        note = json.loads(path.with_suffix(".json").read_text("utf-8"))
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise GanzooError(f"the checkpoint {path} is incomplete.") from error
    if not isinstance(note, dict) or note.get("format") != FORMAT:
        raise GanzooError(f"the checkpoint {path} has another format than this ganzoo reads ({FORMAT}).")
    if note.get("sha256") != hashlib.sha256(content).hexdigest():
        raise GanzooError(f"the checkpoint {path} is damaged: its checksum does not match.")
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        raise GanzooError(
            f"the checkpoint {path} holds more than tensors and plain values; it was not loaded."
        ) from error
    return state


def newest(folder: Path) -> tuple[Path, dict[str, Any], list[str]]:
    """The newest checkpoint that is whole: its path, its state, and a line for each newer one that is not.

    GanzooError if there is none.
    """
    problems: list[str] = []
    for _, path in sorted(_found(folder), reverse=True):
        try:
            return path, load(path), problems
        except GanzooError as error:
            problems.append(str(error))
    detail = f" ({problems[0]})" if problems else ""
    raise GanzooError(f"there is no whole checkpoint in {folder}{detail}: train again with `ganzoo train`.")


def _found(folder: Path) -> Iterator[tuple[int, Path]]:
    for path in folder.glob("step-*.pt"):
        match = NAME.fullmatch(path.name)
        if match:
            yield int(match[1]), path
