"""What is trusted in a run folder, which may be someone else's: nothing that reads, writes or sends data elsewhere."""

from __future__ import annotations

import os
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError, printable
from ganzoo.recipes import RunOptions
from ganzoo.zoo import config

NOT_TRUSTED = ("out", "loggers", "data_root", "recorded_root")
"""Options that name a path or send data elsewhere: they count only when given to this process."""


def check_links(folder: Path) -> None:
    """Raise GanzooError if something in a run folder is a link that leads out of it, or neither a file nor a folder.

    A link that stays inside is allowed; the folder itself may be reached by one.
    """
    root = folder.resolve()
    waiting = [root]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.is_symlink():
                        _check_link(Path(entry.path), root, folder)
                    elif entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    # A training process may be removing its temporary files right now.
                    elif not entry.is_file(follow_symlinks=False) and os.path.lexists(entry.path):
                        raise GanzooError(
                            f"{folder} is not opened: {_relative(entry.path, root)} is neither a file nor a folder; "
                            "remove it."
                        )
        except FileNotFoundError:
            continue
        except OSError as error:
            raise GanzooError(f"cannot read {here}: {error.strerror or error}.") from error


def _check_link(link: Path, root: Path, folder: Path) -> None:
    try:
        inside = link.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # links in a circle
        inside = False
    if not inside:
        raise GanzooError(
            f"{folder} is not opened: {_relative(link, root)} is a link that leads out of it; "
            "if you created it, replace it by a copy of what it links to."
        )


def _relative(path: str | Path, root: Path) -> str:
    return printable(str(Path(path).relative_to(root)))


def recorded_options(file: Path, info: Mapping[str, Any]) -> dict[str, Any]:
    """The run options that a run was started with, to resume with.

    Loggers, which could send data elsewhere, are left out. A recorded data root becomes `recorded_root`: data sets are
    read from it, but nothing is downloaded to it. Raises GanzooError for an option of the wrong type.
    """
    recorded = info.get("options", {})
    hints = typing.get_type_hints(RunOptions)
    if not isinstance(recorded, Mapping):
        raise GanzooError(f"{file} is damaged: its options are not described.")
    for name, value in recorded.items():
        if name in hints and not config.fits(hints[name], value):
            raise GanzooError(f"{file} is damaged: its option {name} is {printable(repr(value)[:40])}.")
    kept = {name: value for name, value in recorded.items() if name in hints and name not in NOT_TRUSTED}
    return kept | {"recorded_root": recorded.get("data_root")}


def dropped_loggers(info: Mapping[str, Any], given: Sequence[str]) -> list[str]:
    """A line for each logger that the run was started with and that has to be named again."""
    recorded = info.get("options", {}).get("loggers") or ()
    names = [printable(name) for name in recorded if name not in given]
    return [f"the run logged to {name} before and now does not: to log there, add --logger {name}" for name in names]
