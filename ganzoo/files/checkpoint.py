"""Checkpoints: written atomically, verified when read, and only tensors and plain values are ever unpickled."""

from __future__ import annotations

import hashlib
import io
import json
import re
import warnings
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.files.atomic import remove_partial, write_atomically

__all__ = [
    "clean",
    "digest",
    "file_name",
    "found",
    "keep_newest",
    "load",
    "newest",
    "save",
    "verify",
    "write_atomically",
]

FORMAT = 1
KEPT = 2
"""How many checkpoints of a run are kept."""
NAME = re.compile(r"step-(\d{9,18})\.pt", re.ASCII)


def save(folder: Path, step: int, state: dict[str, Any], keep: int = KEPT) -> Path:
    """Write `state` as the checkpoint of `step`, then remove all but the `keep` newest. Returns its path.

    Format and checksum are in `step-N.json` beside `step-N.pt`, written second: a checkpoint without it is an
    unfinished save and is ignored. The folder is created if needed, its parent is not.
    """
    # Imported here, as listing runs asks for the names of checkpoints only.
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    path = folder / file_name(step)
    folder.mkdir(exist_ok=True)
    write_atomically(path, content, parents=False)
    metadata = {"format": FORMAT, "step": step, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    write_atomically(path.with_suffix(".json"), (json.dumps(metadata, indent=1) + "\n").encode(), parents=False)
    keep_newest(folder, step, keep)
    return path


def file_name(step: int) -> str:
    """The name of the checkpoint of a step."""
    return f"step-{step:09d}.pt"


def keep_newest(folder: Path, step: int, keep: int = KEPT) -> None:
    """Remove all checkpoints but the `keep` newest up to `step`, the current one."""
    # A newer checkpoint is damaged, or training would have resumed from it; it must not count among those to keep.
    steps = found(folder)
    newer, older = [old for old in steps if old > step], [old for old in steps if old <= step]
    for old in newer + older[:-keep]:
        remove(steps[old])


def remove(path: Path) -> None:
    """Remove a checkpoint, its JSON file first: what a crash in between leaves counts as an unfinished save."""
    path.with_suffix(".json").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def clean(folder: Path) -> None:
    """Remove unfinished saves and partial files of killed processes. Only for the process that holds the lock."""
    remove_partial(folder)
    finished = found(folder).values()
    for path in folder.glob("step-*"):
        if NAME.fullmatch(path.with_suffix(".pt").name) and path.with_suffix(".pt") not in finished and path.is_file():
            path.unlink(missing_ok=True)


def verify(path: Path) -> bytes:
    """The content of an intact checkpoint. Raises GanzooError if it is damaged or of another format."""
    try:
        metadata = json.loads(path.with_suffix(".json").read_text("utf-8"))
        content = path.read_bytes()
    except (OSError, ValueError, RecursionError) as error:
        raise GanzooError(f"the checkpoint {path} is incomplete.") from error
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise GanzooError(f"the checkpoint {path} is not of format {FORMAT}, the only one that this ganzoo reads.")
    if metadata.get("sha256") != hashlib.sha256(content).hexdigest():
        raise GanzooError(f"the checkpoint {path} is damaged: its checksum does not match.")
    return content


def digest(path: Path) -> str:
    """The SHA-256 of an intact checkpoint, which says which weights it holds."""
    return hashlib.sha256(verify(path)).hexdigest()


def load(path: Path) -> dict[str, Any]:
    """The state in a checkpoint, on the CPU. Raises GanzooError if it is damaged, of another format, or has code."""
    import torch

    content = verify(path)
    try:
        # torch warns about other pickles before it rejects them; the error below reports that.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        raise GanzooError(
            f"the checkpoint {path} holds more than tensors and plain values; it was not loaded."
        ) from error
    return state


def newest(folder: Path) -> tuple[Path, dict[str, Any], list[str]]:
    """The newest intact checkpoint: its path, its state, and a message for each newer one that is damaged.

    Raises GanzooError if there is none.
    """
    problems: list[str] = []
    for _, path in sorted(found(folder).items(), reverse=True):
        try:
            return path, load(path), problems
        except GanzooError as error:
            problems.append(str(error))
    detail = f" ({problems[0]})" if problems else ""
    raise GanzooError(f"there is no intact checkpoint in {folder}{detail}: train again with `ganzoo train`.")


def found(folder: Path) -> dict[int, Path]:
    """The checkpoints whose save was finished, by step, oldest first. They may have been damaged since."""
    steps = {}
    for path in folder.glob("step-*.pt"):
        match = NAME.fullmatch(path.name)
        if match and path.with_suffix(".json").exists():
            steps[int(match[1])] = path
    return dict(sorted(steps.items()))
