"""Which arrays of a NumPy file are samples and labels, by the names in use. Nothing is ever unpickled."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.data.paths import refuse_archive
from ganzoo.errors import GanzooError
from ganzoo.files.typed import typed_path
from ganzoo.recipes import DataSpec

SAMPLES = ("x", "images", "x_train", "train_images", "arr_0")
LABELS = ("y", "labels", "targets", "label", "target", "y_train", "train_labels")
TEST_SAMPLES = ("x_test", "test_images", "images_test")
TEST_LABELS = ("y_test", "test_labels", "labels_test")
PAIRS = {"x_train": "y_train", "train_images": "train_labels"}
"""Samples whose labels have a name of their own: Keras, MedMNIST."""


@dataclass(frozen=True)
class Arrays:
    """The arrays of a file by what they are: x, y, x_test, y_test; x always, the others where they exist.

    names: what each is called in the file. unused: the names of all other arrays. described: what the file says of its
    samples, see `description`; {} if nothing.
    """

    found: dict[str, np.ndarray]
    names: dict[str, str]
    unused: tuple[str, ...] = ()
    described: Mapping[str, Any] = field(default_factory=dict)


DESCRIPTION = "ganzoo"
"""The member of a .npz file that describes its samples."""


def description(spec: DataSpec) -> np.ndarray:
    """What a .npz file says of samples like `spec`, as JSON text: their kind, range, note and names of classes."""
    kept = {"modality": spec.modality, "range": spec.range, "note": dict(spec.note), "class_names": spec.class_names}
    return np.array(json.dumps(kept))


def _described(array: Any, path: Path) -> dict[str, Any]:
    """The content of that member. Raises GanzooError if it is anything else."""
    with contextlib.suppress(ValueError, TypeError, AttributeError, RecursionError):
        found = json.loads(array.item())
        bounds, names = found["range"], found["class_names"]
        wellformed = (
            isinstance(found["modality"], str)
            and isinstance(found["note"], dict)
            and (bounds is None or (len(bounds) == 2 and all(math.isfinite(bound) for bound in bounds)))
            and all(isinstance(name, str) for name in names)
        )
        if wellformed:
            return {**found, "range": None if bounds is None else (float(bounds[0]), float(bounds[1]))}
    raise refusal(path, f"its member {DESCRIPTION!r} does not describe samples; remove it")


def refusal(path: Path, what: str) -> GanzooError:
    return GanzooError(f"{path} cannot be used: {what}.")


def find(given: str) -> Path:
    """The file at a path that the user typed. Raises GanzooError if it is none."""
    if not given:
        raise GanzooError("npz needs a file: type --dataset npz:FILE.")
    path = typed_path(given)
    if path.is_dir():
        raise GanzooError(f"{path} is a folder, not a .npz file: for a folder of images type --dataset folder:{path}.")
    if not path.exists():
        raise GanzooError(f"there is no file {path}: type --dataset npz:FILE.")
    # Reading would block on a pipe and never end on a device.
    if not path.is_file():
        raise GanzooError(f"{path} is not a file: type --dataset npz:FILE.")
    refuse_archive(path)
    return path


def read(path: Path, split: str) -> Arrays:
    """The arrays of a .npz file, or of a .npy file, which is all samples. x_test is required for the test split.

    Raises GanzooError for a damaged file, pickled objects, no samples, and samples that cannot be told from others.
    """
    try:
        file = np.load(path, allow_pickle=False)
        if isinstance(file, np.ndarray):
            arrays = Arrays({"x": file}, {"x": "the array"})
        else:
            with file:
                members = [name for name in file.files if name != DESCRIPTION]
                described = _described(file[DESCRIPTION], path) if DESCRIPTION in file.files else {}
                names = _by_role(members, path)
                found = {role: file[name] for role, name in names.items()}
                for role, name in names.items():
                    # Of a member that is no array, NumPy returns the bytes.
                    if not isinstance(found[role], np.ndarray):
                        raise refusal(
                            path, f"its member {name!r} is not an array; save it with np.savez(FILE, x=array)"
                        )
            arrays = replace(_with_unnamed_labels(found, names, members), described=described)
    except GanzooError:
        raise
    except Exception as error:  # zip, zlib, header and pickle errors of a damaged file or another format
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise refusal(path, f"it cannot be read as a .npz file of plain arrays ({reason})") from error
    if split == "test" and "x_test" not in arrays.found:
        raise refusal(path, "it has no test split; save one with np.savez(FILE, x=..., x_test=...)")
    for role in ("x", "x_test"):
        array = arrays.found.get(role)
        if array is not None and (array.ndim == 0 or array.size == 0):
            raise refusal(path, f"{arrays.names[role]} contains no samples")
    return arrays


def _by_role(names: Sequence[str], path: Path) -> dict[str, str]:
    """The name of each array that a name tells the role of; unnamed arrays are arr_0, arr_1, ..."""
    known = {name.lower(): name for name in reversed(names)}
    samples = next((known[name] for name in SAMPLES if name in known), None)
    if samples is None:
        others = [name for name in names if name.lower() not in (*LABELS, *TEST_SAMPLES, *TEST_LABELS)]
        if len(others) != 1:
            problem = f"none of its arrays ({', '.join(names)}) is named x" if names else "it contains no array"
            raise refusal(path, f"{problem}; save it with np.savez(FILE, x=array)")
        samples = others[0]
    roles = {"x": samples}
    own = PAIRS.get(samples.lower())
    for role, candidates in (
        ("y", (*([own] if own else []), *LABELS)),
        ("x_test", TEST_SAMPLES),
        ("y_test", TEST_LABELS),
    ):
        name = next((known[name] for name in candidates if name in known), None)
        if name is not None:
            roles[role] = name
    if samples == "arr_0":
        order = (("y", "arr_1"), ("x_test", "arr_2"), ("y_test", "arr_3"))
        roles |= {role: name for role, name in order if role not in roles and name in names}
    return roles


def _with_unnamed_labels(found: dict[str, np.ndarray], names: dict[str, str], all_names: Sequence[str]) -> Arrays:
    """Without unnamed arrays that do not look like what their place says: np.savez(FILE, x, y, x_test, y_test)."""
    if names.get("y") == "arr_1" and not _like_labels(found["y"], found["x"]):
        del found["y"]
    if names.get("x_test") == "arr_2" and ("y" not in found or found["x_test"].shape[1:] != found["x"].shape[1:]):
        del found["x_test"]
    if names.get("y_test") == "arr_3" and not ("x_test" in found and _like_labels(found["y_test"], found["x_test"])):
        found.pop("y_test")
    kept = {role: names[role] for role in found}
    return Arrays(found, kept, tuple(name for name in all_names if name not in kept.values()))


def _like_labels(values: np.ndarray, samples: np.ndarray) -> bool:
    return values.dtype.kind in "iuUS" and values.shape in (samples.shape[:1], (*samples.shape[:1], 1))
