"""The user's own images: any folder, decoded once into a memory-mapped array."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ganzoo.data.common import check_request, image_dataset
from ganzoo.data.dataset import Dataset
from ganzoo.data.images.arrange import Part, arrange, known_only, numbers_of
from ganzoo.data.images.cache import CachedImages, cached_images
from ganzoo.data.images.decode import EXTENSIONS
from ganzoo.data.images.listing import Listing, printable
from ganzoo.data.images.survey import has_alpha, levels_of
from ganzoo.data.levels import Levels, requested
from ganzoo.data.paths import cache_dir, refuse_archive
from ganzoo.data.resize import check_channels
from ganzoo.errors import GanzooError
from ganzoo.files.typed import typed_path
from ganzoo.recipes import Data

DEFAULT_SIZE = 64


def load(data: Data, root: Path, split: str) -> Dataset:
    """The images under data.path, `[C, *size]`, 64x64 unless data.size is set, as `read_square` reads them.

    Images are found at any depth, by their ending or their content; hidden files and folders are left out, links are
    followed. Subfolders train and test (or val) are splits; without them, some images can be held out (`undivided`).
    Labels come from label files (see `read_labels`), else the first level of subfolders names the classes, in natural
    order (2 before 10), if there are at least two (see `read_layout`). data.channels, when not set, is 3 if any image
    has colour, else 1; 4 is for images with alpha. data.low and data.high say what is black and white; without them,
    `levels_of` says it of files of more than 8 bits, for the whole folder. Files and folders that cannot be read are
    listed in the data set's `skipped`, with `reasons`; its `notes` say what was ignored and how subfolders were
    understood. `root` is not used: the decoded images are in `cache_dir()`, under a name derived from size, channels,
    and the identity of every file.
    Raises GanzooError for a missing or wrong path, no readable image, damaged label files, and a test split that does
    not exist.
    """
    _check(data, split)
    folder = _folder(data.path)
    arranged = arrange(folder)
    listing = arranged.listing
    if not listing.names:
        raise _no_images(folder, arranged.notes, arranged.found.unreadable)
    if split not in arranged.parts:
        raise GanzooError(
            "folder has no test split: use split train, or put the images into a folder train and held-out ones into a "
            "folder test beside it."
        )
    if data.channels == 4 and not has_alpha(folder, listing):
        check_channels("folder", data.channels)
    levels, note = _levels(folder, listing, data)

    def decode(part: Part, channels: int | None) -> CachedImages:
        store = cache_dir() / "folder"
        return cached_images(store, folder, part.listing, data.size or DEFAULT_SIZE, channels, levels)

    part, notes = arranged.parts["train"], (*([note] if note else []), *arranged.notes)
    cached = decode(part, data.channels)
    classes = arranged.classes(cached.skipped)
    if split == "test":
        part, more = known_only(arranged.parts[split], classes)
        if not part.listing.names:
            raise GanzooError(f"folder has no test split with the classes of its training images: see {folder}.")
        # Both splits are grey, or neither.
        cached, notes = decode(part, cached.images.shape[1]), (*notes, *more)
    _require_light(cached.images, levels, folder)
    unreadable = [*arranged.found.unreadable, *zip(cached.skipped, cached.reasons, strict=True)]
    labels = numbers_of(part.labels(cached.skipped), classes)
    whole = torch.zeros(len(cached.images), dtype=torch.int64) if labels is None else labels
    return image_dataset(
        "folder",
        cached.images,
        data,
        labels=labels,
        class_names=[printable(name) for name in classes],
        skipped=tuple(printable(name) for name, _ in unreadable),
        reasons=tuple(reason for _, reason in unreadable),
        notes=notes,
        levels=levels,
        digest=cached.digest,
        undivided=None if "test" in arranged.parts else whole,
    )


def _check(data: Data, split: str) -> None:
    """Raise GanzooError for keys and splits that a folder does not have."""
    check_request("folder", data, split, argument="path")
    requested(data, "folder")
    if data.channels != 4:
        check_channels("folder", data.channels)
    if data.layout != "auto":
        raise GanzooError("folder reads image files, whose axes are known: leave out data.layout.")


def _levels(folder: Path, listing: Listing, data: Data) -> tuple[Levels | None, str]:
    """What is black and white in the whole folder, and a line about it; None for 0 and 255."""
    chosen = requested(data, "folder")
    return (chosen, f"{chosen}") if chosen else levels_of(cache_dir() / "levels", folder, listing)


def _require_light(images: np.ndarray, levels: Levels | None, folder: Path) -> None:
    """Raise GanzooError if the highest value of all pixels is 1. It stops reading at the first one above it."""
    highest = 255 if levels and levels.chosen else 0
    for at in range(0, len(images), 256):
        if highest > 1:
            return
        highest = max(highest, int(images[at : at + 256].max()))
    if highest == 1:
        raise GanzooError(
            f"{folder} cannot be used: no pixel is above 1, so it looks black: if these are masks of 0 and 1, set "
            "data.high=1; if it is black on purpose, data.high=255."
        )


def _no_images(folder: Path, notes: list[str], unreadable: list[tuple[str, str]]) -> GanzooError:
    more = [*notes[:1], *(f"{printable(name)}: {reason}" for name, reason in unreadable[:1])]
    seen = f"; {'; '.join(more)}" if more else ""
    endings = ", ".join(sorted(EXTENSIONS))
    return GanzooError(
        f"there are no images under {folder} (looked for {endings} and other formats{seen}): "
        "type --dataset folder:PATH."
    )


def _folder(path: str) -> Path:
    if not path:
        raise GanzooError("folder needs the path of your images: type --dataset folder:PATH.")
    folder = typed_path(path)
    if folder.is_dir():
        return folder
    if folder.is_file():
        refuse_archive(folder)
        instead = f"npz:{path}" if folder.suffix in (".npz", ".npy") else f"folder:{folder.parent}"
        raise GanzooError(f"{path} is a file, not a folder of images: type --dataset {instead}.")
    raise GanzooError(f"there is no folder {path}: type --dataset folder:PATH with the path of your images.")
