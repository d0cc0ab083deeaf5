"""Checkpoints: written whole or not at all, verified when read, and never unpickled beyond tensors and plain values."""

from __future__ import annotations

import hashlib
import io
import json
import re
import warnings
from pathlib import Path
from typing import Any

import torch

from ganzoo.errors import GanzooError
from ganzoo.files.atomic import remove_partial, write_atomically

__all__ = ["clean", "found", "load", "newest", "save", "verify", "write_atomically"]

FORMAT = 1
NAME = re.compile(r"step-(\d{9})\.pt")


def save(folder: Path, step: int, state: dict[str, Any], keep: int = 2) -> Path:
    """Write `state` as the checkpoint of `step`, then remove all but the `keep` newest. Returns its path.

    Beside `step-N.pt` lies `step-N.json` with format and checksum, written second: without it, the save was not
    finished and counts as none. The folder is made if need be, but not the one that it is in.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    path = folder / f"step-{step:09d}.pt"
    folder.mkdir(exist_ok=True)
    write_atomically(path, content, parents=False)
    note = {"format": FORMAT, "step": step, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    write_atomically(path.with_suffix(".json"), (json.dumps(note, indent=1) + "\n").encode(), parents=False)
    # A newer one is damaged, or training would have gone on from there; it must not count among those to keep.
    steps = found(folder)
    newer, older = [old for old in steps if old > step], [old for old in steps if old <= step]
    for old in newer + older[:-keep]:
        remove(steps[old])
    return path


def remove(path: Path) -> None:
    """Remove a checkpoint, its note first: what is left after a crash in between counts as an unfinished save."""
    path.with_suffix(".json").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def clean(folder: Path) -> None:
    """Remove unfinished saves and what killed processes left half written. Only for the training that has the lock."""
    remove_partial(folder)
    whole = found(folder).values()
    for path in folder.glob("step-*"):
        if NAME.fullmatch(path.with_suffix(".pt").name) and path.with_suffix(".pt") not in whole and path.is_file():
            path.unlink(missing_ok=True)


def verify(path: Path) -> bytes:
    """The content of a checkpoint that is whole. GanzooError if it is damaged or of another format."""
    try:
        note = json.loads(path.with_suffix(".json").read_text("utf-8"))
        content = path.read_bytes()
    except (OSError, ValueError, RecursionError) as error:
        raise GanzooError(f"the checkpoint {path} is incomplete.") from error
    if not isinstance(note, dict) or note.get("format") != FORMAT:
        raise GanzooError(f"the checkpoint {path} has another format than this ganzoo reads ({FORMAT}).")
    if note.get("sha256") != hashlib.sha256(content).hexdigest():
        raise GanzooError(f"the checkpoint {path} is damaged: its checksum does not match.")
    return content


def load(path: Path) -> dict[str, Any]:
    """The state in a checkpoint, on the CPU. GanzooError if it is damaged, of another format, or holds code."""
    content = verify(path)
    try:
        # torch warns of other pickles before it refuses them, which is said in the error.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        raise GanzooError(
            f"the checkpoint {path} holds more than tensors and plain values; it was not loaded."
        ) from error
    return state


def newest(folder: Path) -> tuple[Path, dict[str, Any], list[str]]:
    """The newest checkpoint that is whole: its path, its state, and a line for each newer one that is damaged.

    GanzooError if there is none.
    """
    problems: list[str] = []
    for _, path in sorted(found(folder).items(), reverse=True):
        try:
            return path, load(path), problems
        except GanzooError as error:
            problems.append(str(error))
    detail = f" ({problems[0]})" if problems else ""
    raise GanzooError(f"there is no whole checkpoint in {folder}{detail}: train again with `ganzoo train`.")


def found(folder: Path) -> dict[int, Path]:
    """The checkpoints whose save was finished, by step, the oldest first. They may have been damaged since."""
    steps = {}
    for path in folder.glob("step-*.pt"):
        match = NAME.fullmatch(path.name)
        if match and path.with_suffix(".json").exists():
            steps[int(match[1])] = path
    return dict(sorted(steps.items()))
