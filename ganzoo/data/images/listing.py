"""Lists of image files, compact enough for millions, and a digest that identifies the files."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Iterator
from itertools import compress
from pathlib import Path

STAMP_BYTES = 16


class Names:
    """File names in order, stored with one extra byte each; as strings, each would take 50 extra bytes."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._count = 0

    def append(self, name: bytes) -> None:
        self._bytes += name + b"\0"
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        at = 0
        while at < len(self._bytes):
            end = self._bytes.index(0, at)
            yield os.fsdecode(bytes(self._bytes[at:end]))
            at = end + 1


class Listing:
    """File names in order, with what identifies the files: name, size, times and inode of each."""

    def __init__(self) -> None:
        self.names = Names()
        self._stamps = bytearray()

    def add(self, name: str, size: int, stamp: tuple[int, ...]) -> None:
        """Add a file. stamp: see `stamp_of`."""
        encoded = os.fsencode(name)
        self.names.append(encoded)
        content = encoded + f"\0{size} {stamp}".encode()
        self._stamps += hashlib.blake2b(content, digest_size=STAMP_BYTES).digest()

    def identity(self, base: Path) -> str:
        """A digest, in hexadecimal, of what identifies these files of folder `base`.

        The path is part of it, as inodes are unique within a file system only.
        """
        return hashlib.sha256(os.fsencode(base.resolve()) + b"\0" + self._stamps).hexdigest()

    def select(self, rows: array[int]) -> Listing:
        """The files at `rows`, which ascend."""
        if len(rows) == len(self.names):
            return self
        chosen = Listing()
        wanted = bytearray(len(self.names))
        for row in rows:
            wanted[row] = 1
            chosen._stamps += self._stamps[row * STAMP_BYTES : (row + 1) * STAMP_BYTES]
        for name in compress(self.names, wanted):
            chosen.names.append(os.fsencode(name))
        return chosen


def stamp_of(facts: os.stat_result) -> tuple[int, ...]:
    """What changes when a file's content may have: time of its content, time of its attributes, inode.

    The second time changes even where a program sets the first one back. The device is left out, as its number differs
    between machines and between two starts of one.
    """
    return facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino


def printable(name: str) -> str:
    """A file name with bytes that are not UTF-8 replaced, so that it can be printed."""
    return os.fsencode(name).decode("utf-8", "replace")
