"""Whether an array of decoded images still holds what was written: checksums of blocks, and a sample decoded again."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ganzoo.data.images.workers import MAX_WORKERS
from ganzoo.machine.threads import cores

BLOCK = 1 << 20
"""Bytes under one checksum."""

CHECKED_BYTES = 4 << 30
"""The most that is read to verify an array when it is opened; of a larger one, other blocks are chosen each time."""

SAMPLE = 8
"""How many images are decoded again when an array is opened."""


def checksums(path: Path, blocks: Sequence[int] | None = None) -> list[int]:
    """CRC-32 of these blocks of a file, of all by default."""
    chosen = range(-(-path.stat().st_size // BLOCK)) if blocks is None else blocks
    number = min(MAX_WORKERS, cores())
    spans = [chosen[i * len(chosen) // number : (i + 1) * len(chosen) // number] for i in range(number)]
    with ThreadPoolExecutor(number) as pool:
        return [crc for part in pool.map(lambda span: _crcs(path, span), spans) for crc in part]


def _crcs(path: Path, blocks: Iterable[int]) -> list[int]:
    found = []
    with path.open("rb", buffering=0) as file:
        for block in blocks:
            file.seek(block * BLOCK)
            found.append(zlib.crc32(file.read(BLOCK) or b""))
    return found


def intact(path: Path, expected: Sequence[int]) -> bool:
    """Whether a file has these checksums. Of a large file, blocks chosen at random are read."""
    count, most = len(expected), CHECKED_BYTES // BLOCK
    if count != -(-path.stat().st_size // BLOCK):
        return False
    # Not from the global generator, whose state the results of a run depend on.
    blocks = range(count) if count <= most else sorted(random.SystemRandom().sample(range(count), most))
    return checksums(path, blocks) == [expected[block] for block in blocks]


def same_images(
    names: Iterable[str],
    skipped: Collection[str],
    images: np.ndarray,
    decode: Callable[[str], np.ndarray | None],
) -> bool:
    """Whether a few files, chosen at random, decode to what the array holds of them.

    decode: the pixels of a file; None if it cannot be decoded now, which does not count against the array.
    """
    generator = random.SystemRandom()
    rows = set(generator.sample(range(len(images)), min(SAMPLE, len(images))))
    unreadable = frozenset(skipped)
    kept = (name for name in names if name not in unreadable)
    for row, name in enumerate(kept):
        if row not in rows:
            continue
        found = decode(name)
        if found is not None and not np.array_equal(found, images[row]):
            return False
    return True
