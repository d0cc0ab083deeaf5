"""From the name that a user types to a data set in memory."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ganzoo.data.dataset import Dataset
from ganzoo.data.fractions import part_of
from ganzoo.data.held_out import divide
from ganzoo.data.paths import data_root, refuse_archive, without_downloads
from ganzoo.errors import GanzooError, unknown
from ganzoo.files.typed import typed_path
from ganzoo.recipes import Data, RunOptions
from ganzoo.specs import DatasetSpec
from ganzoo.zoo import registry
from ganzoo.zoo.making import make_dataset
from ganzoo.zoo.zoo import current_zoo

log = logging.getLogger(__name__)


LISTED = 1_000
"""Files of a folder whose endings are looked at, to find the data set that reads it."""


def parse_dataset(text: str | os.PathLike[str], modalities: Sequence[str] = ()) -> dict[str, str]:
    """The keys of Data for a data set's name, `NAME:ARGUMENT` (points:grid, folder:photos), a folder or a file.

    A path object is always a folder or a file. modalities: the kinds of data wanted, which decide between several data
    sets that read the same files. Raises GanzooError for a file that no data set reads.
    """
    if isinstance(text, os.PathLike):
        path = os.fspath(text)
        is_file = typed_path(path).is_file() or _of_file(path)
        return _reader(path, modalities) if is_file else _of_folder(path, modalities)
    if not text:
        raise GanzooError("no data set is named: choose one of `ganzoo list datasets`, or type --dataset folder:PATH.")
    name, colon, argument = text.partition(":")
    known = registry.datasets()
    if colon and name in known:
        key = known[name].argument
        if not key:
            raise GanzooError(f"data set {name!r} takes no argument after a colon: use --dataset {name}.")
        return {"name": name, key: argument}
    if text in known:
        return {"name": text}
    # Shells expand ~ at the beginning of a word only, not in --dataset=~/photos.
    given = typed_path(text)
    if given.is_dir():
        return _of_folder(text, modalities)
    if given.is_file() or _of_file(text):
        return _reader(text, modalities)
    if os.sep in text and not os.path.lexists(given):
        raise GanzooError(f"unknown data set {text!r}: there is no such file or folder (`ganzoo list datasets`).")
    return {"name": known.find(text).name}


def _of_file(path: str) -> list[DatasetSpec]:
    """The data sets that read files with this ending."""
    return [spec for spec in registry.datasets().values() if path.lower().endswith(spec.endings)]


def is_read(path: Path) -> bool:
    """Whether a data set reads files with this ending."""
    return bool(_of_file(path.name))


def _reader(path: str, modalities: Sequence[str]) -> dict[str, str]:
    """The keys of Data for a file. Raises GanzooError if there is none, or several, that read it."""
    found = _of_file(path)
    if not found:
        refuse_archive(typed_path(path))
        endings = sorted({ending for spec in registry.datasets().values() for ending in spec.endings})
        raise GanzooError(f"no data set reads {path}: name a folder of images, or a file that ends in {_or(endings)}.")
    return _only(found, path, modalities)


def _of_folder(path: str, modalities: Sequence[str]) -> dict[str, str]:
    """The keys of Data for a folder: the data set whose endings most of its files have; if none has, images."""
    specs = [spec for spec in registry.datasets().values() if spec.folder_endings]
    if not specs:
        return {"name": "folder", "path": path}
    files = itertools.islice((name for _, _, names in os.walk(typed_path(path)) for name in names), LISTED)
    names = [name.lower() for name in files if not name.startswith(".")]
    counts = {spec.name: sum(name.endswith(spec.folder_endings) for name in names) for spec in specs}
    most = max(counts.values())
    if not most or 2 * most < len(names):
        return {"name": "folder", "path": path}
    return _only([spec for spec in specs if counts[spec.name] == most], path, modalities)


def _only(found: list[DatasetSpec], path: str, modalities: Sequence[str]) -> dict[str, str]:
    found = [spec for spec in found if spec.modality in modalities] or found
    if len(found) > 1:
        each = _or([f"--dataset {spec.name}:{path}" for spec in found])
        raise GanzooError(f"several data sets read {path}: type {each}.")
    return {"name": found[0].name, found[0].argument or "path": path}


def _or(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def load_data(data: Data, options: RunOptions, split: str = "train") -> Dataset:
    """Read a data set. Raises GanzooError, naming the expected location, if it is not available.

    The root is options.data_root; without it, first options.recorded_root, where data are only read, then the user's
    own root. A third-party data set is given a recorded root only if it declares that it never downloads. Of data
    without a test split, some samples are held out (`divide`). Of the split "train", data.fraction is kept (`part_of`).
    """
    found = _divided(data, options, split)
    if split == "train":
        found = part_of(found, data.fraction)
    found.read_split = partial(load_data, data, options)
    return found


def _divided(data: Data, options: RunOptions, split: str) -> Dataset:
    """A split of the data set: its own, or a part of the whole if it has no test split and can do without some."""
    try:
        found = _load(data, options, split)
    except GanzooError:
        whole = _load(data, options, "train") if split == "test" else None
        if whole is None or whole.undivided is None:
            raise
        return divide(whole, data.held_out, split)
    if found.undivided is not None:
        return divide(found, data.held_out, split)
    # 0 is what runs had before this key; it means the same for data with a test split.
    if data.held_out:
        raise GanzooError(f"{data.name} has held-out data of its own: leave out data.held_out ({data.held_out}).")
    return found


def _check_settings(spec: DatasetSpec, data: Data) -> None:
    """Raise GanzooError for settings that the data set does not have."""
    for name in data.settings:
        if not spec.settings:
            raise GanzooError(f"{spec.name} has no settings: leave out data.settings.{name}.")
        if name not in spec.settings:
            raise unknown(f"setting of {spec.name}", name, spec.settings, f"(`ganzoo show {spec.name}`)")


def _load(data: Data, options: RunOptions, split: str) -> Dataset:
    spec, recorded = registry.datasets().find(data.name), options.recorded_root
    _check_settings(spec, data)
    package = current_zoo().owner("datasets", data.name).package

    def load(root: Path) -> Dataset:
        if package == "ganzoo":
            return spec.load(data, root, split)
        return make_dataset(data.name, package, lambda: spec.load(data, root, split))

    if recorded and not options.data_root and (package == "ganzoo" or not spec.downloads):
        try:
            with without_downloads():
                return load(data_root(recorded))
        except GanzooError as error:
            log.info("%s Looking in %s.", error, data_root())
    return load(data_root(options.data_root))
