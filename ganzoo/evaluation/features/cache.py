"""Cache on disk for features of real images, by set of images and feature space."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import io
import json
import logging
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ganzoo.data.paths import cache_dir
from ganzoo.files.checkpoint import write_atomically
from ganzoo.machine.packages import UNKNOWN

log = logging.getLogger(__name__)

VERSION = 1
"""Part of every key: increment it when the meaning of the cached values changes."""


def key(images: str, data: str, shape: Sequence[int], split: str, space: str) -> str:
    """The name of an entry: a hash of everything that features depend on, including torch-fidelity's version.

    images: hash of the images. data: the data set's name. shape: `[N, C, H, W]`. space: `Space.identity`, which
    includes the hash of the weights.
    """
    try:
        library = importlib.metadata.version("torch-fidelity")
    # Its metadata can be damaged.
    except Exception:
        library = UNKNOWN
    content = [VERSION, images, data, list(shape), split, space, library]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def read(key: str) -> dict[str, np.ndarray] | None:
    """The arrays of an entry; None if it does not exist or is damaged, in which case it is computed again."""
    path = _path(key)
    try:
        content = path.read_bytes()
        wanted = path.with_suffix(".sha256").read_text("ascii").strip()
        if hashlib.sha256(content).hexdigest() != wanted:
            raise ValueError("its checksum does not match")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        log.warning("%s is damaged (%s): the features are extracted again", path, error)
        return None


def write(key: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Cache the arrays; if they cannot be written, only a warning is logged."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    content, path = buffer.getvalue(), _path(key)
    try:
        write_atomically(path, content)
        write_atomically(path.with_suffix(".sha256"), (hashlib.sha256(content).hexdigest() + "\n").encode())
    except OSError as error:
        _report(path.parent, error.strerror)


@functools.cache
def _report(folder: Path, why: str | None) -> None:
    """Once for a folder and a reason."""
    log.warning("cannot cache features in %s (%s): they will be extracted again each time", folder, why)


def _path(key: str) -> Path:
    return cache_dir() / "features" / f"{key}.npz"
