"""What tells one data set from another: the number of samples, and digests of samples and labels."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from torch import Tensor

from ganzoo.data.dataset import Array, Dataset, base_of

CHUNK = 1024


def fingerprint(dataset: Dataset) -> dict[str, int | str]:
    """`count`, `digest` and, with labels, `labels`; `others` for all other arrays, such as inputs, together.

    Without the digests of what is made when it is gathered.
    """
    found: dict[str, int | str] = {"count": dataset.count}
    digest = dataset.digest or digest_of(dataset.arrays.get("x"))
    labels = digest_of(dataset.arrays.get("y"))
    each = {name: digest_of(array) for name, array in sorted(dataset.arrays.items()) if name not in ("x", "y")}
    others = hashlib.sha256(json.dumps(each).encode()).hexdigest() if all(each.values()) and each else None
    digests = {"digest": digest, "labels": labels, "others": others}
    return found | {name: value for name, value in digests.items() if value}


def digest_of(array: Array | None) -> str | None:
    """SHA-256 of an array's type, shape and values, hexadecimal; None for what is computed when it is gathered."""
    if isinstance(array, Tensor):
        array = array.cpu().numpy()
    if array is None or not isinstance(base_of(array), np.ndarray):
        return None
    digest = hashlib.sha256(f"{array[:0].dtype.str} {array.shape}".encode())
    for at in range(0, len(array), CHUNK):
        digest.update(np.ascontiguousarray(array[at : at + CHUNK]).tobytes())
    return digest.hexdigest()
