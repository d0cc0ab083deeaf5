"""What is believed of a run folder, which may be a stranger's: nothing that would read, write or send elsewhere."""

from __future__ import annotations

import os
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.recipes import RunOptions
from ganzoo.zoo import config

NOT_KEPT = ("out", "loggers", "data_root", "recorded_root")
"""Options that name a place or send something away: they hold only where they are typed."""


def inspect(folder: Path) -> None:
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
                    # A training may be removing its temporary files right now.
                    elif not entry.is_file(follow_symlinks=False) and os.path.lexists(entry.path):
                        raise GanzooError(
                            f"{folder} is not opened: {_inside(entry.path, root)} is neither a file nor a folder; "
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
            f"{folder} is not opened: {_inside(link, root)} is a link that leads out of it; "
            "if you made it, put what it leads to in its place."
        )


def _inside(path: str | Path, root: Path) -> str:
    return printable(str(Path(path).relative_to(root)))


def printable(text: str) -> str:
    """Text that a terminal shows and does not obey: without line breaks and control characters."""
    return "".join(character if character.isprintable() else "?" for character in text)


def recorded_options(file: Path, info: Mapping[str, Any]) -> dict[str, Any]:
    """The machine's options that a run was started with, to go on with; each of the right type.

    Neither loggers, which could send data away, nor the place of the data set are among them: a recorded data root
    becomes `recorded_root`, from which is read what is there, and nothing is downloaded to it.
    Raises GanzooError for an option of another type.
    """
    recorded = info.get("options", {})
    hints = typing.get_type_hints(RunOptions)
    if not isinstance(recorded, Mapping):
        raise GanzooError(f"{file} is damaged: its options are not described.")
    for name, value in recorded.items():
        if name in hints and not config.fits(hints[name], value):
            raise GanzooError(f"{file} is damaged: its option {name} is {printable(repr(value)[:40])}.")
    kept = {name: value for name, value in recorded.items() if name in hints and name not in NOT_KEPT}
    return kept | {"recorded_root": recorded.get("data_root")}


def loggers_left_out(info: Mapping[str, Any], typed: Sequence[str]) -> list[str]:
    """A line for each logger that the run was started with and that has to be named again."""
    recorded = info.get("options", {}).get("loggers") or ()
    names = [printable(name) for name in recorded if name not in typed]
    return [f"the training before logged to {name}, this one does not: for that, add --logger {name}" for name in names]
