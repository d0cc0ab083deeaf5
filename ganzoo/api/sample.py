"""Samples of a run as files: a picture, a folder of PNGs, a .npz. Never overwrites a file."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ganzoo.errors import GanzooError, unknown
from ganzoo.files.checkpoint import write_atomically
from ganzoo.runs.folders import require_new
from ganzoo.runs.run import Run
from ganzoo.zoo import registry

COLUMNS = 8


def write_samples(
    run: str | Path | Run,
    count: int = 64,
    *,
    classes: Sequence[str | int] = (),
    seed: int = 0,
    grid: str | Path | None = None,
    folder: str | Path | None = None,
    npz: str | Path | None = None,
    truncation: float | None = None,
    interpolate: bool = False,
) -> Path:
    """Draw `count` samples into a picture, a folder or a .npz (uint8 `[N, H, W, C]` for images); returns the path.

    Raises GanzooError if more than one target is named or the target exists, and for an unknown class.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    target, kind = _target(run, grid, folder, npz)
    labels = [class_number(run, name) for name in classes] or None
    if interpolate:
        if truncation is not None:
            raise GanzooError("--interpolate uses latents without truncation: leave --truncation out.")
        samples = run.interpolate(math.ceil(count / COLUMNS), COLUMNS, labels, seed=seed)[:count]
    else:
        samples = run.sample(count, labels, seed=seed, truncation=truncation)
    try:
        if kind == "grid":
            _write_grid(run, samples, target, COLUMNS if interpolate else None)
        elif kind == "folder":
            registry.modality(run.data.modality).write_folder(samples, target)
        else:
            drawn = None if interpolate else run.labels(count, labels)
            _write_npz(run, samples, drawn, target)
    except OSError as error:
        raise GanzooError(f"cannot write {target}: {error.strerror or error}.") from error
    return target


def class_number(run: Run, name: str | int) -> int:
    """A class by number or by name; GanzooError if it is neither."""
    if isinstance(name, int) or name.lstrip("-").isdecimal():
        return int(name)
    names = run.data.class_names
    if name not in names:
        raise unknown("class", name, names or [str(number) for number in range(run.data.classes)])
    return names.index(name)


def _target(run: Run, grid: str | Path | None, folder: str | Path | None, npz: str | Path | None) -> tuple[Path, str]:
    named = [(path, kind) for path, kind in ((grid, "grid"), (folder, "folder"), (npz, "npz")) if path is not None]
    if len(named) > 1:
        raise GanzooError("choose one of --grid, --to and --npz.")
    if not named:
        number = 1
        while (run.path / f"grid-{number}.png").exists():
            number += 1
        return run.path / f"grid-{number}.png", "grid"
    path, kind = Path(named[0][0]), named[0][1]
    if kind == "folder":
        require_new(path)
    elif path.exists():
        raise GanzooError(f"{path} exists: choose another name, or remove it first.")
    if kind == "grid" and path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp", ".gif"):
        raise GanzooError(f"--grid {path}: end the name in .png, .jpg, .webp or .gif.")
    if kind == "npz" and path.suffix != ".npz":
        raise GanzooError(f"--npz {path}: end the name in .npz.")
    return path, kind


def _write_grid(run: Run, samples: Tensor, path: Path, columns: int | None) -> None:
    picture = registry.modality(run.data.modality).picture(samples, run.data, columns=columns)
    if picture is None:
        raise GanzooError(f"{run.data.modality} data have no picture: use --npz FILE.")
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def _write_npz(run: Run, samples: Tensor, labels: Tensor | None, path: Path) -> None:
    arrays: dict[str, Any] = {"x": registry.modality(run.data.modality).array(samples)}
    if labels is not None:
        arrays["y"] = labels.numpy()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomically(path, buffer.getvalue())
