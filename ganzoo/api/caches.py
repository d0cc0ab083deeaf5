"""What ganzoo keeps on disk because it can be computed again: how much of each kind there is, and removing it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ganzoo.data.images.cache import sweep
from ganzoo.data.paths import cache_dir
from ganzoo.errors import GanzooError, unknown


@dataclass(frozen=True)
class Kind:
    """A kind of computed files. holds: what they are. entry: what the names of its entries match, and no others."""

    name: str
    holds: str
    entry: re.Pattern[str]

    @property
    def path(self) -> Path:
        return cache_dir() / self.name

    def entries(self) -> Iterator[Path]:
        """The entries on disk. Other files in the folder are none of ours, and those being written are left alone."""
        try:
            yield from sorted(path for path in self.path.iterdir() if self.entry.fullmatch(path.name))
        except OSError:
            return


ARRAY = re.compile(r"[0-9a-f]{64}")
KINDS = (
    Kind("folder", "decoded images of your folders", ARRAY),
    Kind("celeba", "decoded images of CelebA", ARRAY),
    Kind("levels", "ranges of grey levels of your folders", re.compile(r"levels-[0-9a-f]{32}\.json")),
    Kind("features", "features of real images", re.compile(r"[0-9a-f]{32}\.(npz|sha256)")),
    Kind("domain", "classifiers for domain features", re.compile(r"[0-9a-f]{32}\.(pt|json)")),
)


@dataclass(frozen=True)
class Usage:
    """How much there is of a kind: the number of entries, and their size in bytes."""

    kind: Kind
    entries: int
    size: int


def usage() -> list[Usage]:
    """What is in the cache, by kind."""
    return [_usage_of(kind) for kind in KINDS]


def clear(name: str | None = None) -> list[Usage]:
    """Remove what is in the cache, of one kind or of all; returns what was removed.

    A training run that reads from it is not disturbed. Downloaded data sets are not part of it. Raises GanzooError for
    an unknown kind, and for what cannot be removed.
    """
    known = {kind.name: kind for kind in KINDS}
    if name is not None and name not in known:
        raise unknown("kind of cache", name, known, "(`ganzoo cache`)")
    removed = []
    for kind in KINDS if name is None else (known[name],):
        removed.append(_usage_of(kind))
        if kind.entry is ARRAY:
            sweep(kind.path)
        for entry in kind.entries():
            try:
                _remove(entry)
            except OSError as error:
                raise GanzooError(f"cannot remove {entry}: {error.strerror or error}.") from error
    return removed


def _usage_of(kind: Kind) -> Usage:
    entries = list(kind.entries())
    return Usage(kind, len(entries), sum(_size(entry) for entry in entries))


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; 0 where another process has removed it."""
    if path.is_symlink() or not path.is_dir():
        try:
            return path.lstat().st_size
        except OSError:
            return 0
    return sum(_size(Path(where) / name) for where, _, names in os.walk(path) for name in names)


def _remove(entry: Path) -> None:
    # A link is removed, not what it leads to.
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)
