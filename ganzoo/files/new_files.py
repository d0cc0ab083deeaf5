"""What the user is told of an output that exists or cannot be written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganzoo.errors import GanzooError
from ganzoo.files.atomic import reason
from ganzoo.files.typed import typed_path

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
"""Endings of pictures that do not move."""


def require_absent(path: Path) -> None:
    """Raise GanzooError if there is something at `path`."""
    if os.path.lexists(path):
        raise exists(path)


def exists(path: Path | str) -> GanzooError:
    """The error for an output that exists."""
    return GanzooError(f"{path} exists: choose another name, or remove it first.")


def new_picture(option: str, given: str | Path) -> Path:
    """The path of a picture to write, as the user typed it for `option`. Raises GanzooError if it is no such name."""
    path = typed_path(given)
    if path.suffix.lower() not in PICTURES:
        raise GanzooError(f"{option} {path}: end the name in {', '.join(PICTURES[:-1])} or {PICTURES[-1]}.")
    require_absent(path)
    return path


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Within this block, a new output is written: what goes wrong is one line. Raises GanzooError."""
    try:
        yield
    except FileExistsError as error:
        # Another process has written it since it was checked.
        raise exists(error.filename or path) from error
    except OSError as error:
        raise GanzooError(f"cannot write {path}: {reason(error)}.") from error
