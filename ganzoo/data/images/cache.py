"""Image files decoded once, in parallel, into one memory-mapped array that later runs open at once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from rich.console import Console
from rich.progress import Progress

from ganzoo.data.images.workers import Chunk, decode_all
from ganzoo.errors import GanzooError

FORMAT = 1
"""Part of every cache key: raise it when files are decoded differently, so that old arrays are not used."""

BUILDING = ".building-"
"""Prefix of the names of unfinished arrays."""

SHOW_AFTER = 1.0
"""Seconds before a progress bar appears."""


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


@dataclass
class Listing:
    """File names in order, and a digest of their names, sizes in bytes and modification times."""

    names: Names = field(default_factory=Names)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def add(self, name: str, size: int, changed_ns: int) -> None:
        encoded = os.fsencode(name)
        self.names.append(encoded)
        self.digest.update(encoded + f"\0{size}\0{changed_ns}\n".encode())


@dataclass(frozen=True)
class CachedImages:
    """images: uint8 `[N, C, H, W]`, memory-mapped, in the listing's order; skipped: names of unreadable files."""

    images: np.ndarray
    skipped: tuple[str, ...]


def cached_images(store: Path, base: Path, listing: Listing, size: int, channels: int | None) -> CachedImages:
    """The listed files of folder `base` as squares (see `read_square`), from the cache `store`, decoded if absent.

    channels: 1, 3, or None for 3 unless every pixel of every image is grey. An array in `store` may be deleted at any
    time and is then decoded again. Raises GanzooError if `store` is not writable or no file can be read.
    """
    request = f"{FORMAT} {size} {channels} {listing.digest.hexdigest()}"
    target = store / hashlib.sha256(request.encode()).hexdigest()
    cached = _open(target)
    if cached is None:
        _build(target, base, listing.names, size, channels)
        cached = _open(target, accept_retry=True)
    if cached is None:
        raise GanzooError(f"the decoded images in {target} cannot be read back: delete that folder and try again.")
    return cached


def _open(target: Path, *, accept_retry: bool = False) -> CachedImages | None:
    """The cached array; None if it is absent, damaged, or (unless accepted) some files are worth another try."""
    try:
        facts = json.loads((target / "facts.json").read_text(encoding="ascii"))
        images = np.load(target / "images.npy", mmap_mode="r", allow_pickle=False)
        intact = list(images.shape) == facts["shape"] and images.dtype == np.uint8
        usable = intact and (accept_retry or not facts["retry"])
        return CachedImages(images, tuple(facts["skipped"])) if usable else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _build(target: Path, base: Path, names: Names, size: int, channels: int | None) -> None:
    # Everything is written beside the target and renamed at the end, so that the target is always complete.
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        with tempfile.TemporaryDirectory(prefix=BUILDING, dir=target.parent) as scratch:
            made = Path(scratch) / "made"
            made.mkdir()
            _decode_all(made, base, names, size, channels)
            try:
                made.rename(target)
            except OSError:
                # Either another process was faster, and its array is equally good, or the existing one is unusable.
                if _open(target) is None:
                    shutil.rmtree(target, ignore_errors=True)
                    made.rename(target)
    except OSError as error:
        raise GanzooError(
            f"could not write the decoded images to {target.parent} ({error.strerror or error}): "
            "set the environment variable GANZOO_CACHE to a folder with enough space."
        ) from error


def _sweep(store: Path) -> None:
    """Remove leftovers of killed processes once they are a day old; another process may write newer ones."""
    for leftover in store.glob(f"{BUILDING}*"):
        try:
            newest = max(path.stat().st_mtime for path in (leftover, *leftover.rglob("*")))
        except OSError:
            continue
        if time.time() - newest > 86_400:
            shutil.rmtree(leftover, ignore_errors=True)


def _decode_all(made: Path, base: Path, names: Names, size: int, channels: int | None) -> None:
    """Write `images.npy` and `facts.json` into folder `made`."""
    skipped: list[str] = []
    retry, coloured = False, channels is not None
    kept = 0
    array = made / "images.npy"
    chunks = decode_all(base, names, len(names), size, channels or 3)
    with array.open("wb") as file, closing(chunks):
        _header(file, (len(names), channels or 3, size, size))
        for chunk in _progress(chunks, len(names)):
            file.write(chunk.pixels)
            skipped += chunk.skipped
            kept += chunk.files - len(chunk.skipped)
            retry, coloured = retry or chunk.retry, coloured or chunk.coloured
        if not kept:
            first = printable(next(iter(names)))
            raise GanzooError(f"none of the {len(names)} image files under {base} could be read; the first is {first}.")
        shape = (kept, channels or 3, size, size)
        _header(file, shape)
        _sync(file)
    if not coloured:
        shape = _keep_one_channel(array)
    facts = {"shape": shape, "skipped": skipped, "retry": retry}
    with (made / "facts.json").open("wb") as file:
        file.write(json.dumps(facts).encode("ascii"))
        _sync(file)


def _keep_one_channel(array: Path) -> tuple[int, int, int, int]:
    images = np.load(array, mmap_mode="r", allow_pickle=False)
    shape = (len(images), 1, *images.shape[2:])
    grey = array.with_name("grey.npy")
    with grey.open("wb") as file:
        _header(file, shape)
        for at in range(0, len(images), 1024):
            file.write(images[at : at + 1024, :1].tobytes())
        _sync(file)
    del images
    grey.replace(array)
    return shape


def _progress(chunks: Iterable[Chunk], total: int) -> Iterator[Chunk]:
    """Yield the chunks; if it takes long, show a progress bar on standard error, if that is a terminal."""
    start, bar = time.monotonic(), Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task("Decoding images", total=total)
    shown = False
    try:
        for chunk in chunks:
            bar.advance(task, chunk.files)
            if not shown and sys.stderr.isatty() and time.monotonic() - start > SHOW_AFTER:
                bar.start()
                shown = True
            yield chunk
    finally:
        if shown:
            bar.stop()


def _header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    # NumPy pads this header so that the first axis can change in place; the number of readable files is known last.
    file.seek(0)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _sync(file: BinaryIO) -> None:
    # Before the rename, as a power failure could otherwise leave the name without the content.
    file.flush()
    os.fsync(file.fileno())


def printable(name: str) -> str:
    """A file name with bytes that are not UTF-8 replaced, so that it can be printed."""
    return os.fsencode(name).decode("utf-8", "replace")
