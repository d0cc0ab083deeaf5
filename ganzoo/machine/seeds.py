"""Seeds that are functions of several numbers. Imports no torch."""

from __future__ import annotations

import hashlib


def mixed_seed(*parts: int | str) -> int:
    """A seed, 0 to 2^63 - 1, for any combination of numbers and names; other combinations get unrelated seeds.

    It is a hash, as torch's generator for the CPU reads only the lower 32 bits of a seed: a sum or a shift that keeps
    the parts in different bits would lose some of them there.
    """
    digest = hashlib.blake2b(" ".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
