"""The user's own files: pairs in two folders or side by side, maps and photos, and images of two kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from ganzoo.data.common import check_request
from ganzoo.data.dataset import Dataset
from ganzoo.data.image_files import (
    CachedImages,
    ImageFiles,
    check_channels,
    height_width,
    images_in,
    printable,
    typed_path,
)
from ganzoo.errors import GanzooError, unknown
from ganzoo.recipes import Data, DataSpec

from .data import map_note
from .data import unpaired as unpaired_dataset

DEFAULT_SIZE = 64
HELD_OUT = ("test", "val", "valid", "validation", "dev", "eval", "holdout")
SIDES = (
    ("a", "b"), ("A", "B"), ("source", "target"), ("input", "target"), ("inputs", "targets"), ("maps", "photos"),
    ("masks", "images"), ("labels", "images"), ("edges", "photos"),
)  # fmt: skip
"""Names of two folders side by side: what images are made from, and the images."""

KINDS = ("a-to-b", "b-to-a")
EVERY = 10
"""Without a folder of held-out images, every tenth is held out."""

MOST_COLOURS = 256
SHOWN = 3


def paired(data: Data, root: Path, split: str) -> Dataset:
    """The second image of each pair as "x", and the first as the input "source", as `load_pairs` reads them."""
    return load_pairs("paired", data, split)


def maps(data: Data, root: Path, split: str) -> Dataset:
    """Photos as "x", and maps whose colours are classes as the input "source"; its note has the colours."""
    return load_pairs("maps", data, split)


def load_pairs(name: str, data: Data, split: str) -> Dataset:
    """Pairs of images at `data.path`, all of `data.size` (64 pixels by default).

    Either two folders, which are data.path and data.second_path, or two folders of `SIDES` in data.path: files of the
    same name, whatever their endings, are a pair. Or, else, pictures twice as wide as high, with the pair side by side.
    `train` beside `test` (or `val`) are splits, around these folders or in them; otherwise every tenth pair is held
    out. data.kind "b-to-a" exchanges input and image. Raises GanzooError for a missing folder, and without any pair.
    """
    _check(name, data, split)
    two = _two_folders(data, split)
    if two is None:
        if name == "maps":
            raise GanzooError(
                "maps reads two folders, as maps side by side with photos are rarely kept exactly: name them with "
                "--dataset maps:MAPS --set data.second_path=PHOTOS."
            )
        return _side_by_side(name, data, split)
    folders, split_here = two
    sides, notes = _matched(*folders)
    sides = [_part(side, split, split_here, name) for side in sides]
    swap, nearest = data.kind == "b-to-a", (name == "maps", False)
    left_out: list[tuple[str, str]] = []
    found = _decoded(sides, data, nearest)
    while any(each.skipped for each in found):
        # The partners of files that cannot be read are left out too.
        sides, gone = _without_skipped(sides, found)
        left_out += gone
        if not sides[0].entries:
            raise GanzooError(f"{data.path}: of no pair can both images be read: {gone[0][0]}: {gone[0][1]}.")
        found = _decoded(sides, data, nearest)
    source, x = (each.images for each in (reversed(found) if swap else found))
    note = {}
    if name == "maps":
        if swap:
            raise GanzooError("maps makes photos from maps: leave out data.kind.")
        note = map_note(_colours_of(name, data, source, split))
    return _paired(name, data, source, x, note, left_out, notes, "".join(each.digest for each in found))


def _decoded(sides: Sequence[ImageFiles], data: Data, nearest: Sequence[bool]) -> list[CachedImages]:
    size = data.size or DEFAULT_SIZE
    return [side.decoded(size, data.channels, nearest=exact) for side, exact in zip(sides, nearest, strict=True)]


def _without_skipped(
    sides: Sequence[ImageFiles], found: Sequence[CachedImages]
) -> tuple[list[ImageFiles], list[tuple[str, str]]]:
    """The pairs of which both files can be read, and the files of the others, with reasons."""
    bad = {_stem(file) for each in found for file in each.skipped}
    kept, gone = [], []
    for side, each in zip(sides, found, strict=True):
        why = dict(zip(each.skipped, each.reasons, strict=True))
        names = [name for name in side.names if _stem(name) in bad]
        gone += [(f"{side.folder.name}/{name}", why.get(name, "its partner cannot be read")) for name in names]
        kept.append(side.select(set(side.names) - set(names)))
    return kept, gone


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def unpaired(data: Data, root: Path, split: str) -> Dataset:
    """Images of two kinds: the second as "x", the first as the input "source", both grey or both RGB.

    They are data.path and data.second_path, or in data.path: trainA and trainB (with testA and testB), or two folders
    of `SIDES`. data.kind "b-to-a" exchanges them.
    """
    name = "unpaired"
    _check(name, data, split)
    two = _two_folders(data, split, unpaired=True)
    if two is None:
        raise GanzooError(
            f"{data.path} has no folders trainA and trainB, or a and b: name two folders with "
            "--dataset unpaired:FIRST --set data.second_path=SECOND."
        )
    folders, split_here = two
    sides = [_part(images_in(folder), split, split_here, name) for folder in folders]
    found = _decoded(sides, data, (False, False))
    if found[0].images.shape[1] != found[1].images.shape[1]:
        found = _decoded(sides, replace(data, channels=3), (False, False))
    left_out = [
        (f"{side.folder.name}/{file}", reason)
        for side, each in zip(sides, found, strict=True)
        for file, reason in zip(each.skipped, each.reasons, strict=True)
    ]
    source, x = (each.images for each in (reversed(found) if data.kind == "b-to-a" else found))
    plain = DataSpec(name, "image", tuple(x.shape[1:]))
    skipped, reasons = _reported(left_out)
    notes = (f"{len(source):,} inputs and {len(x):,} images, of two kinds",)
    return unpaired_dataset(
        name, plain, plain, source, x, [None, None], data, skipped=skipped, reasons=reasons, notes=notes
    )


def _check(name: str, data: Data, split: str) -> None:
    if data.kind and data.kind not in KINDS:
        raise unknown("direction", data.kind, KINDS)
    if not data.path:
        raise GanzooError(f"{name} needs the path of your images: type --dataset {name}:PATH.")
    check_request(name, replace(data, kind=""), split, argument="path", second_path=True)
    given = [f"data.{key}" for key in ("low", "high") if getattr(data, key) is not None]
    if given or data.layout != "auto":
        raise GanzooError(f"{name} reads image files of 8 bits: leave out {' and '.join(given) or 'data.layout'}.")
    check_channels(name, data.channels)
    for path in filter(None, (data.path, data.second_path)):
        if not typed_path(path).is_dir():
            raise GanzooError(f"there is no folder {path}: type --dataset {name}:PATH with the path of your images.")


def _two_folders(data: Data, split: str, *, unpaired: bool = False) -> tuple[tuple[Path, Path], bool] | None:
    """Where the two parts of a split are, and whether it still has to be split; None for pairs side by side."""
    folder = typed_path(data.path)
    if data.second_path:
        return _of_split((folder, typed_path(data.second_path)), split)
    if unpaired or (folder / "trainA").is_dir():
        # CycleGAN's names.
        for name in ("train",) if split == "train" else HELD_OUT:
            if (folder / f"{name}A").is_dir() and (folder / f"{name}B").is_dir():
                return (folder / f"{name}A", folder / f"{name}B"), False
        if (folder / "trainA").is_dir() and (folder / "trainB").is_dir():
            return (folder / "trainA", folder / "trainB"), True
    whole, split_here = _inside(folder, split)
    for first, second in SIDES:
        if (whole / first).is_dir() and (whole / second).is_dir():
            if not split_here:
                return (whole / first, whole / second), False
            return _of_split((whole / first, whole / second), split)
    return None


def _inside(folder: Path, split: str) -> tuple[Path, bool]:
    """The folder of a split, and whether it is all images, which still have to be split."""
    if not (folder / "train").is_dir():
        return folder, True
    if split == "train":
        return folder / "train", not any((folder / name).is_dir() for name in HELD_OUT)
    held_out = next((folder / name for name in HELD_OUT if (folder / name).is_dir()), None)
    return (folder / "train", True) if held_out is None else (held_out, False)


def _of_split(folders: tuple[Path, Path], split: str) -> tuple[tuple[Path, Path], bool]:
    first, second = (_inside(folder, split) for folder in folders)
    if first[1] != second[1]:
        raise GanzooError(f"only one of {folders[0]} and {folders[1]} has folders train and test: give both, or none.")
    return (first[0], second[0]), first[1]


def _part(files: ImageFiles, split: str, split_here: bool, name: str) -> ImageFiles:
    """The files of a split: all, or without a folder of held-out images all but every tenth, or these."""
    if not split_here:
        return files
    kept = {file for row, file in enumerate(files.names) if (row % EVERY == EVERY - 1) == (split == "test")}
    if not kept:
        raise GanzooError(f"{name} has no test split: {len(files.entries)} images are too few to hold out every tenth.")
    return files.select(kept)


def _matched(first: Path, second: Path) -> tuple[list[ImageFiles], list[str]]:
    """The images of two folders that have the same names, in the same order, and a line on the others."""
    sides = [images_in(folder) for folder in (first, second)]
    by_name = [{_stem(entry[0]): entry for entry in side.entries} for side in sides]
    both = sorted(by_name[0].keys() & by_name[1].keys())
    if not both:
        raise GanzooError(
            f"no image in {first} has the name of one in {second}: the two images of a pair need the same name; for "
            "images that are no pairs, use --dataset unpaired:FIRST --set data.second_path=SECOND."
        )
    matched = [
        ImageFiles(side.folder, tuple(found[key] for key in both)) for side, found in zip(sides, by_name, strict=True)
    ]
    alone = [
        f"{side.folder.name}/{file}"
        for side, pair in zip(sides, matched, strict=True)
        for file in sorted(set(side.names) - set(pair.names))
    ]
    names = ", ".join(printable(name) for name in alone[:SHOWN]) + (", ..." if len(alone) > SHOWN else "")
    notes = [f"{len(alone):,} images without a partner are left out: {names}"] if alone else []
    return matched, [f"{len(both):,} pairs", *notes]


def _side_by_side(name: str, data: Data, split: str) -> Dataset:
    """Pairs in one picture each, the first on the left, read at twice the width and cut in the middle."""
    from PIL import Image

    folder, split_here = _inside(typed_path(data.path), split)
    files = _part(images_in(folder), split, split_here, name)
    for file in files.names:
        try:
            with Image.open(folder / file) as picture:
                width, height = picture.size
        except Exception:  # damaged files are reported when they are decoded
            continue
        if not 1.6 <= width / height <= 2.5:
            raise GanzooError(
                f"{folder / file} has {width}x{height} pixels and no pair side by side: give pictures twice as wide as "
                "high, folders a and b, or --set data.second_path=FOLDER."
            )
        break
    height, width = height_width(data.size or DEFAULT_SIZE)
    cached = files.decoded((height, 2 * width), data.channels)
    halves = [cached.images[..., :width], cached.images[..., width:]]
    source, x = reversed(halves) if data.kind == "b-to-a" else halves
    left_out = list(zip(cached.skipped, cached.reasons, strict=True))
    return _paired(name, data, source, x, {}, left_out, [f"{len(x):,} pairs, side by side"], cached.digest)


def _paired(
    name: str,
    data: Data,
    source: np.ndarray,
    x: np.ndarray,
    note: dict[str, object],
    left_out: Sequence[tuple[str, str]],
    notes: Sequence[str],
    digest: str,
) -> Dataset:
    skipped, reasons = _reported(left_out)
    input = DataSpec(f"{name} input", "image", tuple(source.shape[1:]), note=note)
    spec = DataSpec(name, "image", tuple(x.shape[1:]), inputs={"source": input})
    return Dataset(
        {"x": x, "source": source}, spec, flip=data.flip, skipped=skipped, reasons=reasons, notes=tuple(notes),
        digest=digest,
    )  # fmt: skip


def _reported(left_out: Sequence[tuple[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(printable(name) for name, _ in left_out), tuple(reason for _, reason in left_out)


def _colours_of(name: str, data: Data, source: np.ndarray, split: str) -> list[list[int]]:
    """The colours of the training maps, sorted. Raises GanzooError if there are more than 256."""
    if split != "train":
        inside: list[list[int]] = load_pairs(name, data, "train").spec.inputs["source"].note["colours"]
        return inside
    seen = np.zeros(1 << 24, bool)
    channels = source.shape[1]
    for at in range(0, len(source), 64):
        part = source[at : at + 64].astype(np.uint32)
        packed = part[:, 0] if channels == 1 else part[:, 0] << 16 | part[:, 1] << 8 | part[:, 2]
        seen[packed.ravel()] = True
    found = np.flatnonzero(seen)
    if len(found) > MOST_COLOURS:
        raise GanzooError(
            f"the maps in {data.path} have {len(found):,} colours, and at most {MOST_COLOURS} can be classes: save "
            "maps without loss (PNG, not JPEG) and without smoothing, or use --dataset paired:PATH."
        )
    if channels == 1:
        return [[int(value)] for value in found]
    return [[int(value) >> 16, int(value) >> 8 & 255, int(value) & 255] for value in found]
