"""The user's own images: any folder, decoded once into a memory-mapped array."""

from __future__ import annotations

import os
import re
import stat
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.common import check_request, image_dataset
from ganzoo.data.dataset import Dataset
from ganzoo.data.images.cache import Listing, cached_images, printable
from ganzoo.data.images.decode import EXTENSIONS
from ganzoo.data.paths import cache_dir
from ganzoo.data.resize import check_channels
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data

DEFAULT_SIZE = 64


def load(data: Data, root: Path, split: str) -> Dataset:
    """The images under data.path, `[C, size, size]`, size 64 unless data.size is set, as `read_square` reads them.

    Images are found at any depth by their extension; hidden files and folders are ignored, links are followed. The
    first level of subfolders names the classes, in natural order (2 before 10), if all readable images are in a
    subfolder and there are at least two. data.channels, when not set, is 3 if any image has colour, else 1. Unreadable
    files are listed in the data set's `skipped`. `root` is not used: the decoded images are in `cache_dir()`, under a
    name derived from size, channels, and the path, size and modification time of every file. Raises GanzooError for a
    missing or wrong path, no readable image, and split "test", which does not exist.
    """
    check_request("folder", data, split, argument="path")
    check_channels("folder", data.channels)
    folder = _folder(data.path)
    if split == "test":
        raise GanzooError("folder has no test split: use split train, or put held-out images into a separate folder.")
    listing = Listing()
    for name, size, changed in scan(folder):
        listing.add(name, size, changed)
    if not listing.names:
        endings = ", ".join(sorted(EXTENSIONS))
        raise GanzooError(f"there are no images under {folder} (looked for {endings}): type --dataset folder:PATH.")
    cached = cached_images(cache_dir() / "folder", folder, listing, data.size or DEFAULT_SIZE, data.channels)
    labels, classes = classify(listing.names, cached.skipped)
    skipped = tuple(printable(name) for name in cached.skipped)
    names = [printable(name) for name in classes]
    return image_dataset("folder", cached.images, data, labels=labels, class_names=names, skipped=skipped)


def _folder(path: str) -> Path:
    if not path:
        raise GanzooError("folder needs the path of your images: type --dataset folder:PATH.")
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_file():
        instead = f"npz:{path}" if folder.suffix == ".npz" else f"folder:{folder.parent}"
        raise GanzooError(f"{path} is a file, not a folder of images: type --dataset {instead}.")
    raise GanzooError(f"there is no folder {path}: type --dataset folder:PATH with the path of your images.")


def scan(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Every image under `folder`, sorted: its relative path (with "/"), bytes, and modification time in nanoseconds.

    A broken link is listed with -1 for both, so that it is reported like a damaged file. Raises GanzooError for a
    subfolder that cannot be read.
    """
    yield from _walk(str(folder), "", frozenset())


def _walk(directory: str, prefix: str, above: frozenset[tuple[int, int]]) -> Iterator[tuple[str, int, int]]:
    try:
        here = Path(directory).stat()
        # A link to a parent folder would make the walk endless.
        if (here.st_dev, here.st_ino) in above:
            return
        names, folders = _names(directory)
    except OSError as error:
        raise GanzooError(
            f"cannot read {directory} ({error.strerror}): grant access, or move that folder elsewhere."
        ) from error
    above = above | {(here.st_dev, here.st_ino)}
    # From the end, so that each name's memory is freed as soon as it is yielded.
    names.sort(reverse=True)
    while names:
        name = names.pop()
        path = f"{directory}/{name}"
        if name in folders:
            yield from _walk(path, f"{prefix}{name}/", above)
            continue
        try:
            facts = os.stat(path)  # noqa: PTH116 (a Path for each of a million files takes as long as the scan)
        except OSError:
            yield prefix + name, -1, -1
            continue
        # Opening anything else with an image's name (a pipe, a socket) could block.
        if stat.S_ISREG(facts.st_mode):
            yield prefix + name, facts.st_size, facts.st_mtime_ns


def _names(directory: str) -> tuple[list[str], set[str]]:
    """The names of images and subfolders in a folder, and the set of those that are subfolders.

    Names only: directory entries take a kilobyte each once their size and time have been queried.
    """
    names, folders = [], set()
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                folders.add(entry.name)
            elif f".{entry.name.rpartition('.')[2].lower()}" not in EXTENSIONS:
                continue
            names.append(entry.name)
    return names, folders


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def classify(names: Iterable[str], skipped: Iterable[str]) -> tuple[Tensor | None, tuple[str, ...]]:
    """The class of each name that is not skipped, int64 `[N]`, and the class names; None and () without classes."""
    unreadable = frozenset(skipped)
    found: dict[str, int] = {}
    numbers = array("q")
    for name in names:
        if name in unreadable:
            continue
        first, slash, _ = name.partition("/")
        if not slash:
            return None, ()
        numbers.append(found.setdefault(first, len(found)))
    if len(found) < 2:
        return None, ()
    classes = sorted(found, key=_natural)
    in_order = np.empty(len(found), np.int64)
    in_order[[found[name] for name in classes]] = np.arange(len(found))
    return torch.from_numpy(in_order[np.frombuffer(numbers, np.int64)]), tuple(classes)


def _natural(name: str) -> tuple[list[str | int], str]:
    # Splitting at digits leaves text at even positions and numbers at odd ones, so only equal types are compared.
    parts = re.split(r"(\d+)", name)
    return [int(part) if i % 2 else part.casefold() for i, part in enumerate(parts)], name
