"""Where ganzoo stores downloads and computed files. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from ganzoo.errors import GanzooError
from ganzoo.files.typed import typed_path

_downloads: ContextVar[bool] = ContextVar("downloads", default=True)


def cache_dir() -> Path:
    """The folder of files that can be recomputed: `GANZOO_CACHE`, else `~/.cache/ganzoo`. It may not exist yet.

    Raises GanzooError if neither is known.
    """
    chosen = os.environ.get("GANZOO_CACHE")
    if chosen:
        return typed_path(chosen)
    try:
        return Path("~/.cache/ganzoo").expanduser()
    except RuntimeError as error:
        raise GanzooError(
            "your home folder is not known, as HOME is not set: set HOME, or GANZOO_CACHE to a folder for the cache."
        ) from error


def data_root(override: str | None = None) -> Path:
    """The folder of downloaded data sets: `override`, else `GANZOO_DATA`, else `data` in `cache_dir()`."""
    chosen = override or os.environ.get("GANZOO_DATA")
    return typed_path(chosen) if chosen else cache_dir() / "data"


def refuse_archive(path: Path) -> None:
    """Raise GanzooError for a file of many samples that ganzoo does not read, with how to convert it."""
    name, folder = path.name.lower(), path.name.split(".")[0]
    unpacked = path.with_name(folder)
    for endings, how in (
        ((".zip",), f"unpack it with `unzip {path} -d {unpacked}`, and type --dataset folder:{unpacked}"),
        (
            (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"),
            f"unpack it with `mkdir {unpacked}; tar -xf {path} -C {unpacked}`, and type --dataset folder:{unpacked}",
        ),
        (
            (".parquet", ".arrow", ".feather", ".h5", ".hdf5", ".mat", ".pt", ".pth", ".pkl", ".pickle", ".tfrecord"),
            f"save its arrays with np.savez('{folder}.npz', x=images, y=labels), and type --dataset npz:{folder}.npz",
        ),
    ):
        if name.endswith(endings):
            raise GanzooError(f"{path} is neither a folder of images nor a .npz file: {how}.")


@contextmanager
def without_downloads() -> Iterator[None]:
    """Within this context, data sets read existing files and download nothing."""
    before = _downloads.set(False)
    try:
        yield
    finally:
        _downloads.reset(before)


def may_download() -> bool:
    """Whether data sets may be downloaded at the moment."""
    return _downloads.get()
