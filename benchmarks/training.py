"""Trainings that can be stopped and started again: a second start goes on where the first one was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ganzoo
from ganzoo import checkpoint
from ganzoo.errors import GanzooError


def train(name: str, path: Path, **options: Any) -> ganzoo.Run:
    """The run of recipe `name` at `path`: trained now, gone on with, or as it is when it is done."""
    if not (path / "recipe.json").exists():
        return ganzoo.train(name, out=str(path), progress=False, **options)
    run = ganzoo.load(path)
    try:
        _, state, _ = checkpoint.newest(run.checkpoints)
    except GanzooError as error:
        raise GanzooError(f"{path} was stopped before its first checkpoint: remove it and start again.") from error
    done = state["progress"]["step"] >= run.recipe.steps
    return run if done else ganzoo.resume(path)
