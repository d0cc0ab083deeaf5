"""Image files decoded once, in parallel, into one memory-mapped array that later runs open at once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import PIL
from rich.console import Console
from rich.progress import Progress

from ganzoo.data.images import verify
from ganzoo.data.images.listing import Listing, printable
from ganzoo.data.images.workers import Chunk, decode_all
from ganzoo.data.levels import Levels
from ganzoo.data.resize import height_width
from ganzoo.errors import GanzooError
from ganzoo.machine.streams import optional
from ganzoo.recipes import Size

FORMAT = 3
"""Part of every cache key: raise it when files are decoded differently, so that old arrays are not used."""

BUILDING = ".building-"
"""Prefix of the names of unfinished arrays."""

SHOW_AFTER = 1.0
"""Seconds before a progress bar appears."""


@dataclass(frozen=True)
class CachedImages:
    """images: uint8 `[N, C, H, W]`, memory-mapped, in the listing's order; skipped: names of unreadable files.

    reasons: why each of these could not be read. digest: of the decoded pixels, hexadecimal.
    """

    images: np.ndarray
    skipped: tuple[str, ...]
    reasons: tuple[str, ...]
    digest: str


@dataclass(frozen=True)
class _Request:
    """What is decoded, and how: the arguments of `cached_images`."""

    base: Path
    listing: Listing
    size: Size
    channels: int | None
    levels: Levels | None
    nearest: bool = False

    @property
    def key(self) -> str:
        """The name of the array."""
        how = f"{FORMAT} {PIL.__version__} {height_width(self.size)} {self.channels} {self.levels}"
        how += " nearest" * self.nearest
        return hashlib.sha256(f"{how} {self.listing.identity(self.base)}".encode()).hexdigest()

    @property
    def image(self) -> tuple[int, int, int]:
        """The shape of an image as it is decoded."""
        return self.channels or 3, *height_width(self.size)

    def decode(self, names: Iterable[str]) -> Generator[Chunk]:
        """Decode some of the files in the way in which all are."""
        count = len(self.listing.names)
        return decode_all(self.base, names, count, self.size, self.image[0], self.levels, self.nearest)


def cached_images(
    store: Path,
    base: Path,
    listing: Listing,
    size: Size,
    channels: int | None,
    levels: Levels | None = None,
    *,
    nearest: bool = False,
) -> CachedImages:
    """The listed files of folder `base` as squares (see `read_square`), from the cache `store`, decoded if absent.

    channels: 1, 3, 4, or None for 3 unless every pixel of every image is grey. nearest: see `read_square`.
    An array in `store` may be deleted at any time and is then decoded again, as is one that fails its checksums, that
    differs from files decoded as a sample, or that lacks files which can be read by now. Raises GanzooError if `store`
    is not writable or no file can be read.
    """
    request = _Request(base, listing, size, channels, levels, nearest)
    target = store / request.key
    cached = _open(target, request)
    if cached is None:
        _build(target, request)
        cached = _open(target)
    if cached is None:
        raise GanzooError(f"the decoded images in {target} cannot be read back: delete that folder and try again.")
    return cached


def _open(target: Path, request: _Request | None = None) -> CachedImages | None:
    """The cached array; None if it is absent, damaged, or not what decoding the request would give now.

    request: what the array is verified against; without it, it was just written.
    """
    try:
        content = json.loads((target / "facts.json").read_text(encoding="ascii"))
        facts, array = content["facts"], target / "images.npy"
        images = np.load(array, mmap_mode="r", allow_pickle=False)
        usable = (
            content["digest"] == _facts_digest(facts)
            and list(images.shape) == facts["shape"]
            and images.dtype == np.uint8
            and (request is None or (verify.intact(array, facts["checksums"]) and _current(request, images, facts)))
        )
        failed = tuple(facts["skipped"]), tuple(facts["reasons"])
        return CachedImages(images, *failed, facts["digest"]) if usable else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _current(request: _Request, images: np.ndarray, facts: dict[str, Any]) -> bool:
    """Whether a sample of the files still gives what the array holds, and the skipped ones are still unreadable."""
    with closing(request.decode(facts["again"])) as chunks:
        if any(chunk.pixels for chunk in chunks):
            return False

    def decode(name: str) -> np.ndarray | None:
        channels, *shape = request.image
        (chunk,) = decode_all(request.base, [name], 1, request.size, channels, request.levels, request.nearest)
        pixels = np.frombuffer(chunk.pixels, np.uint8)
        # Grey images were decoded to three equal channels, of which one is kept.
        return None if chunk.skipped else pixels.reshape(channels, *shape)[: images.shape[1]]

    return verify.same_images(request.listing.names, facts["skipped"], images, decode)


def _facts_digest(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts).encode("ascii")).hexdigest()


def _build(target: Path, request: _Request) -> None:
    # Everything is written beside the target and renamed at the end, so that the target is always complete.
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        with tempfile.TemporaryDirectory(prefix=BUILDING, dir=target.parent) as scratch:
            made = Path(scratch) / "made"
            made.mkdir()
            _decode_all(made, request)
            try:
                made.rename(target)
            except OSError:
                # Either another process was faster, and its array is equally good, or the existing one is unusable.
                if _open(target, request) is None:
                    shutil.rmtree(target, ignore_errors=True)
                    made.rename(target)
    except OSError as error:
        raise GanzooError(
            f"could not write the decoded images to {target.parent} ({error.strerror or error}): "
            "set the environment variable GANZOO_CACHE to a folder with enough space."
        ) from error


def sweep(store: Path) -> None:
    """Remove leftovers of killed processes once they are a day old; another process may write newer ones."""
    for leftover in store.glob(f"{BUILDING}*"):
        try:
            newest = max(path.stat().st_mtime for path in (leftover, *leftover.rglob("*")))
        except OSError:
            continue
        if time.time() - newest > 86_400:
            shutil.rmtree(leftover, ignore_errors=True)


@dataclass
class _Failed:
    """The files that could not be read, why, and which of them may be readable another time."""

    skipped: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)

    def add(self, chunk: Chunk) -> None:
        self.skipped += chunk.skipped
        self.reasons += chunk.reasons
        self.again += chunk.again


def _decode_all(made: Path, request: _Request) -> None:
    """Write `images.npy` and `facts.json` into folder `made`."""
    failed = _Failed()
    names, coloured = request.listing.names, request.channels is not None
    kept, digest = 0, hashlib.sha256()
    array = made / "images.npy"
    with array.open("wb") as file, closing(request.decode(names)) as chunks:
        _header(file, (len(names), *request.image))
        for chunk in _progress(chunks, len(names)):
            file.write(chunk.pixels)
            digest.update(chunk.pixels)
            failed.add(chunk)
            kept += chunk.files - len(chunk.skipped)
            coloured = coloured or chunk.coloured
        if not kept:
            first = f"{printable(failed.skipped[0])} ({failed.reasons[0]})"
            raise GanzooError(
                f"none of the {len(names)} image files under {request.base} could be read; the first is {first}."
            )
        shape = kept, *request.image
        _header(file, shape)
        _sync(file)
    if not coloured:
        shape = _keep_one_channel(array)
    facts = {"shape": shape, **asdict(failed), "digest": digest.hexdigest(), "checksums": verify.checksums(array)}
    content = {"facts": facts, "digest": _facts_digest(facts)}
    with (made / "facts.json").open("wb") as file:
        file.write(json.dumps(content).encode("ascii"))
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
    start, stream = time.monotonic(), optional(sys.stderr)
    bar = Progress(console=Console(file=stream), transient=True)
    task = bar.add_task("Decoding images", total=total)
    shown = False
    try:
        for chunk in chunks:
            bar.advance(task, chunk.files)
            if not shown and stream.isatty() and time.monotonic() - start > SHOW_AFTER:
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
