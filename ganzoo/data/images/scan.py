"""Finding the images in a folder, at any depth: by their endings, and otherwise by their content."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ganzoo.data.images.decode import image_endings, is_image
from ganzoo.data.images.listing import stamp_of
from ganzoo.errors import GanzooError

LABEL_FILES = ("dataset.json", "metadata.csv", "metadata.jsonl")

SYSTEM_FOLDERS = frozenset(
    {"@eadir", "#recycle", "lost+found", "__macosx", "$recycle.bin", "system volume information"}
)
"""Folders that systems and network drives add, in lower case: thumbnails, deleted and recovered files."""

Entry = tuple[str, int, tuple[int, ...]]
"""A relative path (with "/"), a size in bytes, and a `stamp_of`."""


@dataclass
class Found:
    """What a scan met besides images, as relative paths.

    ignored: files that are no images, and folders of systems. unreadable: folders, and files that could not be opened
    to see what they are, each with a reason. label_files: those named as in LABEL_FILES.
    """

    ignored: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    label_files: list[str] = field(default_factory=list)


def scan(folder: Path, found: Found | None = None) -> Iterator[Entry]:
    """Every image under `folder`, sorted. Hidden files and folders are left out, links are followed.

    A broken link to an image is listed with size -1, so that it is reported like a damaged file. What is met besides
    goes into `found`. Raises GanzooError if the folder itself cannot be read.
    """
    found = Found() if found is None else found
    yield from _walk(str(folder), "", frozenset(), found)
    if found.unreadable and found.unreadable[-1][0] == "":
        reason = found.unreadable[-1][1]
        raise GanzooError(f"cannot read {folder} ({reason}): grant access, or name another folder.")


def _walk(directory: str, prefix: str, above: frozenset[tuple[int, int]], found: Found) -> Iterator[Entry]:
    try:
        here = Path(directory).stat()
        # A link to a parent folder would make the walk endless.
        if (here.st_dev, here.st_ino) in above:
            return
        names, folders = _names(directory)
    except OSError as error:
        found.unreadable.append((prefix, error.strerror or type(error).__name__))
        return
    above = above | {(here.st_dev, here.st_ino)}
    # From the end, so that each name's memory is freed as soon as it is yielded.
    names.sort(reverse=True)
    while names:
        name = names.pop()
        path = f"{directory}/{name}"
        if name in folders and name.lower() in SYSTEM_FOLDERS:
            found.ignored.append(f"{prefix}{name}/")
        elif name in folders:
            yield from _walk(path, f"{prefix}{name}/", above, found)
        else:
            yield from _file(path, name, prefix, found)


def _file(path: str, name: str, prefix: str, found: Found) -> Iterator[Entry]:
    """The file, if it is an image."""
    named = f".{name.rpartition('.')[2].lower()}" in image_endings()
    try:
        facts = os.stat(path)  # noqa: PTH116 (a Path for each of a million files takes as long as the scan)
    except OSError:
        if named:
            yield prefix + name, -1, ()
        else:
            found.ignored.append(prefix + name)
        return
    # Opening anything else (a pipe, a socket) could block.
    if not stat.S_ISREG(facts.st_mode):
        return
    if not named:
        if name in LABEL_FILES:
            found.label_files.append(prefix + name)
            return
        try:
            named = is_image(path)
        except OSError as error:
            found.unreadable.append((prefix + name, error.strerror or type(error).__name__))
            return
    if named:
        yield prefix + name, facts.st_size, stamp_of(facts)
    else:
        found.ignored.append(prefix + name)


def _names(directory: str) -> tuple[list[str], set[str]]:
    """The names of files and subfolders in a folder, and the set of those that are subfolders.

    Names only: directory entries take a kilobyte each once their size and time have been queried.
    """
    names, folders = [], set()
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                folders.add(entry.name)
            names.append(entry.name)
    return names, folders


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
