"""Paths as a user types them: what is no path, or cannot be one here, is one line. Imports no torch."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from ganzoo.errors import GanzooError

LONG = 1000
"""Characters of a path that messages show in full."""

SHOWN = 60
"""Characters of a name that is too long which a message shows."""


def shortened(path: str) -> str:
    """A path as messages show it, cut where no name ends."""
    return path if len(path) <= LONG else f"{path[:SHOWN]}..."


def typed_path(given: str | os.PathLike[str]) -> Path:
    """A path that the user named, with a leading ~ or ~user replaced, as shells do not replace it in --out=~/runs.

    Raises GanzooError for an empty text, for a name that no file can have, and for a home folder that is not known.
    """
    # As a path, an empty text is the current folder, which nobody who passes an empty variable means.
    if not os.fspath(given):
        raise GanzooError("an empty text is not a path: type the name of a file or folder, or . for this one.")
    try:
        path = Path(given).expanduser() if os.fspath(given).startswith("~") else Path(given)
    except RuntimeError as error:
        user = Path(given).parts[0]
        why = "your home folder is not known, as HOME is not set" if user == "~" else f"there is no user {user[1:]!r}"
        raise GanzooError(f"{given}: {why}: type the whole path.") from error
    try:
        path.lstat()
    except ValueError as error:  # a null character, or one that the file system's encoding lacks
        raise GanzooError(f"{str(given)[:SHOWN]!r} is not a path: it contains a character that no name can.") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            shown = f"{str(given)[:SHOWN]}..." if len(str(given)) > SHOWN else str(given)
            raise GanzooError(f"the name {shown} is too long for a file or folder: choose a shorter one.") from error
    return path


def require_readable_kind(path: Path) -> None:
    """Raise GanzooError for a pipe, a socket or a device: reading it could wait forever or never end."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise GanzooError(f"{path} is a pipe, a socket or a device: name a file.")
