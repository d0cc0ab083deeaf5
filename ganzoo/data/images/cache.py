"""Image files decoded once, in parallel, into one memory-mapped array that later runs open in an instant."""

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

from ganzoo.data.images.workers import Part, decoded
from ganzoo.errors import GanzooError

FORMAT = 1
"""Part of every key: raise it when files are decoded differently, and no old array is taken for a new one."""

BUILDING = ".building-"
"""What the names of unfinished arrays begin with."""

SHOW_AFTER = 1.0
"""Seconds before a progress bar appears."""


class Names:
    """File names, in order, in one byte more each than they are long: strings would take 50 bytes more."""

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
    """Which files, in order, and a digest of their names, sizes in bytes and times of change."""

    names: Names = field(default_factory=Names)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def add(self, name: str, size: int, changed_ns: int) -> None:
        encoded = os.fsencode(name)
        self.names.append(encoded)
        self.digest.update(encoded + f"\0{size}\0{changed_ns}\n".encode())


@dataclass(frozen=True)
class CachedImages:
    """images: uint8 `[N, C, H, W]`, memory-mapped, in the listing's order; skipped: names that could not be read."""

    images: np.ndarray
    skipped: tuple[str, ...]


def cached_images(store: Path, base: Path, listing: Listing, size: int, channels: int | None) -> CachedImages:
    """The listed files of folder `base` as squares (see `read_square`), from `store`, made there first if absent.

    channels: 1, 3, or None for 3 unless every pixel of every image is grey. An array in `store` may be deleted at any
    time; it is made again. Raises GanzooError when `store` cannot be written, and when no file can be read.
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
    """What is in the cache, or None where that is absent, damaged, or (unless accepted) worth another try."""
    try:
        facts = json.loads((target / "facts.json").read_text(encoding="ascii"))
        images = np.load(target / "images.npy", mmap_mode="r", allow_pickle=False)
        whole = list(images.shape) == facts["shape"] and images.dtype == np.uint8
        usable = whole and (accept_retry or not facts["retry"])
        return CachedImages(images, tuple(facts["skipped"])) if usable else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _build(target: Path, base: Path, names: Names, size: int, channels: int | None) -> None:
    # Everything is written beside the target and renamed at the end, so what bears the target's name is complete.
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
                # Either another process was faster, and its array is as good, or what lies there is of no use.
                if _open(target) is None:
                    shutil.rmtree(target, ignore_errors=True)
                    made.rename(target)
    except OSError as error:
        raise GanzooError(
            f"could not write the decoded images to {target.parent} ({error.strerror or error}): "
            "set the environment variable GANZOO_CACHE to a folder with room."
        ) from error


def _sweep(store: Path) -> None:
    """Remove what processes that were killed have left; a day old, as another process may be writing."""
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
    parts = decoded(base, names, len(names), size, channels or 3)
    with array.open("wb") as file, closing(parts):
        _header(file, (len(names), channels or 3, size, size))
        for part in _progress(parts, len(names)):
            file.write(part.pixels)
            skipped += part.skipped
            kept += part.files - len(part.skipped)
            retry, coloured = retry or part.retry, coloured or part.coloured
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


def _progress(parts: Iterable[Part], total: int) -> Iterator[Part]:
    """Pass the parts on, with a bar on a terminal's standard error when it takes long."""
    start, bar = time.monotonic(), Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task("Decoding images", total=total)
    shown = False
    try:
        for part in parts:
            bar.advance(task, part.files)
            if not shown and sys.stderr.isatty() and time.monotonic() - start > SHOW_AFTER:
                bar.start()
                shown = True
            yield part
    finally:
        if shown:
            bar.stop()


def _header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    # NumPy pads this header so that the first axis can change in place; how many files are readable shows at the end.
    file.seek(0)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _sync(file: BinaryIO) -> None:
    # Before the rename, or a power cut could leave the name without the bytes.
    file.flush()
    os.fsync(file.fileno())


def printable(name: str) -> str:
    """A file name that can be printed, whatever bytes it has."""
    return os.fsencode(name).decode("utf-8", "replace")
