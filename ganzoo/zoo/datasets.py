"""From the name that a user types to a data set in memory."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path

from ganzoo.data.dataset import Dataset
from ganzoo.data.paths import data_root, refuse_archive, without_downloads
from ganzoo.errors import GanzooError
from ganzoo.files.typed import typed_path
from ganzoo.recipes import Data, RunOptions
from ganzoo.zoo import registry
from ganzoo.zoo.making import make_dataset
from ganzoo.zoo.zoo import current_zoo

log = logging.getLogger(__name__)


ARRAYS = (".npz", ".npy")


def parse_dataset(text: str | os.PathLike[str]) -> dict[str, str]:
    """The keys of Data for a data set's name, `NAME:ARGUMENT` (points:grid, folder:photos), a folder or a .npz file.

    A path object is always a folder or a file.
    """
    if isinstance(text, os.PathLike):
        path = os.fspath(text)
        return {"name": "npz" if path.endswith(ARRAYS) or typed_path(path).is_file() else "folder", "path": path}
    if not text:
        raise GanzooError("no data set is named: choose one of `ganzoo list datasets`, or type --dataset folder:PATH.")
    name, colon, argument = text.partition(":")
    known = registry.datasets()
    if colon and name in known:
        key = known[name].argument
        if not key:
            raise GanzooError(f"data set {name!r} takes no argument after a colon: use --dataset {name}.")
        return {"name": name, key: argument}
    # Shells expand ~ at the beginning of a word only, not in --dataset=~/photos.
    given = Path(text) if text in known else typed_path(text)
    if text not in known and given.is_dir():
        return {"name": "folder", "path": text}
    if text not in known and text.endswith(ARRAYS):
        return {"name": "npz", "path": text}
    if text not in known and given.is_file():
        refuse_archive(given)
    return {"name": known.find(text).name}


def load_data(data: Data, options: RunOptions, split: str = "train") -> Dataset:
    """Read a data set. Raises GanzooError, naming the expected location, if it is not available.

    The root is options.data_root; without it, first options.recorded_root, where data are only read, then the user's
    own root. A third-party data set may download even where it must not, so it is never given a recorded root.
    """
    found = _load(data, options, split)
    found.read_split = partial(load_data, data, options)
    return found


def _load(data: Data, options: RunOptions, split: str) -> Dataset:
    load, recorded = registry.datasets().find(data.name).load, options.recorded_root
    package = current_zoo().owner("datasets", data.name).package
    if package != "ganzoo":
        return make_dataset(data.name, package, lambda: load(data, data_root(options.data_root), split))
    if recorded and not options.data_root:
        try:
            with without_downloads():
                return load(data, data_root(recorded), split)
        except GanzooError as error:
            log.info("%s Looking in %s.", error, data_root())
    return load(data, data_root(options.data_root), split)
