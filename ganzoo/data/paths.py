"""Where ganzoo keeps what it downloads and computes. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_downloads: ContextVar[bool] = ContextVar("downloads", default=True)


def cache_dir() -> Path:
    """The folder of what can be made again: `GANZOO_CACHE`, else `~/.cache/ganzoo`. It need not exist yet."""
    return Path(os.environ.get("GANZOO_CACHE") or "~/.cache/ganzoo").expanduser()


def data_root(override: str | None = None) -> Path:
    """The folder of downloaded data sets: `override`, else `GANZOO_DATA`, else `data` in `cache_dir()`."""
    chosen = override or os.environ.get("GANZOO_DATA")
    return Path(chosen).expanduser() if chosen else cache_dir() / "data"


@contextmanager
def reading_only() -> Iterator[None]:
    """For a while, data sets read what is there and download nothing."""
    before = _downloads.set(False)
    try:
        yield
    finally:
        _downloads.reset(before)


def may_download() -> bool:
    """Whether a data set may be downloaded to its root now."""
    return _downloads.get()
