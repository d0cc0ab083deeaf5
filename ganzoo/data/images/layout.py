"""What the subfolders of a folder of images mean: splits, classes, or nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

TRAIN = ("train", "training")
TEST = ("test", "testing")
HELD_OUT = (*TEST, "val", "valid", "validation", "dev", "eval", "holdout", "held-out", "held_out")
"""Names of splits, in lower case; the test split is the first of HELD_OUT that has images."""

IMAGES = frozenset({"image", "images", "img", "imgs", "jpegimages", "photo", "photos", "rgb", "input", "inputs"})
BESIDE_IMAGES = frozenset(
    {"mask", "masks", "label", "labels", "annotation", "annotations", "segmentation", "segmentations", "seg", "gt"}
    | {"groundtruth", "ground_truth", "ground-truth", "depth", "edge", "edges", "target", "targets", "output"}
    | {"outputs", "thumbnail", "thumbnails", "thumbs", "preview", "previews"}
)
"""Names of folders that hold the parts of one data set, not its classes, where both kinds occur."""

STRAY_FRACTION = 0.25
"""Images without a class are left out if there are at most this many for each image with one."""

SHARD = re.compile(r"\d{5,}")


UNPAIRED = re.compile(r"(train|test|val)[-_]?[AaBb]")
"""Names of the folders of two sets of images between which a translator is trained: trainA, trainB, testA, testB."""


class Unpaired(Exception):
    """The folders are two unpaired sets. folders: as prefixes of names, without the slash."""

    def __init__(self, folders: list[str]) -> None:
        super().__init__()
        self.folders = folders


@dataclass
class Layout:
    """Where the splits are, and whether subfolders are classes.

    splits: the folders of "train" and "test", as prefixes of names: "photos/train/", or "" for all. classes: the folder
    of each split whose subfolders are its classes; no entry for a split without classes. within: where each class has
    its own folders of splits, the split of each of these names, in lower case. notes: lines on what was found
    and is used otherwise than as a class.
    """

    splits: dict[str, str] = field(default_factory=lambda: {"train": ""})
    classes: dict[str, str] = field(default_factory=dict)
    within: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    what: str = "images"

    def split_of(self, name: str) -> str | None:
        """The split of an image, by its relative path; None if it is in none."""
        if self.within:
            prefix = self.classes["train"]
            inside = name.removeprefix(prefix).split("/", 2) if name.startswith(prefix) else []
            return self.within.get(inside[1].lower()) if len(inside) == 3 else None
        return next((split for split, prefix in self.splits.items() if name.startswith(prefix)), None)

    def class_of(self, name: str, split: str) -> str | None:
        """The class folder of an image of a split; None if it is in none."""
        prefix = self.classes[split]
        first, slash, _ = name.removeprefix(prefix).partition("/")
        return first if slash and name.startswith(prefix) else None


def read_layout(names: Iterable[str], what: str = "images") -> Layout:
    """What the subfolders mean in which these images, or other files, are. `names` are read several times.

    Raises Unpaired for two sets of images, as translators between them are trained on.
    """
    layout = Layout(what=what)
    base = _unwrap(names, "")
    folders, _ = _count(names, base)
    _refuse_unpaired(base, folders)
    found = {name.lower(): name for name in folders}
    train = next((found[name] for name in TRAIN if name in found), None)
    held_out = [found[name] for name in HELD_OUT if name in found]
    if train is not None and held_out:
        layout.splits = {"train": f"{base}{train}/", "test": f"{base}{held_out[0]}/"}
        layout.notes.append(f"trained on {base}{train}; {base}{held_out[0]} is the test split")
        unused = sorted(set(folders) - {train, held_out[0]})
        if unused:
            count = sum(folders[name] for name in unused)
            layout.notes.append(f"{count:,} {what} in {_joined(unused)} are not used, beside {train} and {held_out[0]}")
    elif found.keys() and found.keys() <= {*TRAIN, *HELD_OUT} and len(found) > 1:
        layout.notes.append(
            f"{_joined(folders)} look like splits and are not read as classes; all of them are trained on: "
            "name the folder that is to be trained on train"
        )
        return layout
    elif _splits_within_classes(layout, names, base):
        return layout
    for split, prefix in layout.splits.items():
        _find_classes(layout, names, split, prefix)
    if "train" not in layout.classes:
        layout.classes.clear()
    elif "test" in layout.splits and "test" not in layout.classes:
        # A test split may have fewer classes than two.
        prefix = layout.splits["test"]
        folders, _ = _count(names, prefix, prefix)
        if folders and folders.keys() <= _count(names, layout.classes["train"])[0].keys():
            layout.classes["test"] = prefix
    return layout


def _refuse_unpaired(base: str, folders: Iterable[str]) -> None:
    """Raise Unpaired for trainA and trainB, with or without testA and testB."""
    parts = sorted(name for name in folders if UNPAIRED.fullmatch(name))
    if len({name[-1].lower() for name in parts}) == 2:
        raise Unpaired([base + name for name in parts])


def _splits_within_classes(layout: Layout, names: Iterable[str], base: str) -> bool:
    """Whether each class has its own folders of splits, cats/train and cats/test; then it is described in `layout`."""
    counts: Counter[str] = Counter()
    trained: set[str] = set()
    others = 0
    for name in names:
        parts = name[len(base) :].split("/", 2) if name.startswith(base) else []
        split = parts[1].lower() if len(parts) == 3 else ""
        if split in TRAIN or split in HELD_OUT:
            counts[split] += 1
            if split in TRAIN:
                trained.add(parts[0])
        else:
            others += 1
    held_out = [name for name in HELD_OUT if counts[name]]
    if len(trained) < 2 or not held_out or too_many(others, counts.total()):
        return False
    layout.within = dict.fromkeys(TRAIN, "train") | {held_out[0]: "test"}
    layout.splits = dict.fromkeys(("train", "test"), base)
    layout.classes = dict.fromkeys(("train", "test"), base)
    layout.notes.append(f"trained on the folder train of each class; {held_out[0]} is the test split")
    unused = others + sum(counts[name] for name in held_out[1:])
    if unused:
        layout.notes.append(f"{unused:,} {layout.what} that are in neither are not used")
    return True


def _find_classes(layout: Layout, names: Iterable[str], split: str, prefix: str) -> None:
    base = _unwrap(names, prefix)
    folders, strays = _count(names, base, prefix)
    if len(folders) < 2:
        return
    classed = sum(folders.values())
    lower = {name.lower() for name in folders}
    if all(SHARD.fullmatch(name) for name in folders) and _are_shards(names, base):
        why = f"number the {layout.what}, a thousand in each"
    elif lower & IMAGES and lower & BESIDE_IMAGES and lower <= IMAGES | BESIDE_IMAGES:
        why = "look like the parts of one data set (name one of them to train on it alone)"
    elif too_many(strays, classed):
        why = f"hold {classed:,} of {classed + strays:,} {layout.what}, and the others have no class"
    else:
        layout.classes[split] = base
        doubtful = sorted(name for name in folders if name.lower() in (*TRAIN, *HELD_OUT))
        if doubtful:
            layout.notes.append(
                f"{_joined(doubtful)} is read as a class: if it is a split, put train and test side by side"
            )
        return
    layout.notes.append(f"no classes: the folders {_joined(sorted(folders))} {why}")


def too_many(without: int, classed: int) -> bool:
    """Whether the images without a class are too many to leave them out."""
    return without > max(1, STRAY_FRACTION * classed) or not classed


def _unwrap(names: Iterable[str], prefix: str) -> str:
    """The folder under `prefix` with two or more folders, beneath any with only one; `prefix` if there is none."""
    base = prefix
    while True:
        folders, strays = _count(names, base, prefix)
        if len(folders) != 1:
            return base if folders else prefix
        (name, count), *_ = folders.items()
        if too_many(strays, count):
            return prefix
        base = f"{base}{name}/"


def _count(names: Iterable[str], base: str, prefix: str = "") -> tuple[Counter[str], int]:
    """How many images each subfolder of `base` holds, and how many others there are under `prefix`."""
    folders: Counter[str] = Counter()
    strays = 0
    for name in names:
        if not name.startswith(prefix):
            continue
        first, slash, _ = name[len(base) :].partition("/") if name.startswith(base) else ("", "", "")
        if slash:
            folders[first] += 1
        else:
            strays += 1
    return folders, strays


def _are_shards(names: Iterable[str], base: str) -> bool:
    """Whether the folders only keep the number of files in each low: 00012/img00012345.png, 12000/12345.png."""
    for name in names:
        if not name.startswith(base):
            continue
        folder, _, rest = name[len(base) :].partition("/")
        number = re.fullmatch(r"(?:img)?(\d+)\.\w+", rest)
        if folder.isdigit() and (number is None or int(number[1]) // 1000 not in (int(folder), int(folder) / 1000)):
            return False
    return True


def _joined(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:5]) + (", ..." if len(shown) > 5 else "")
