"""Where ganzoo stores downloads and computed files. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_downloads: ContextVar[bool] = ContextVar("downloads", default=True)


def cache_dir() -> Path:
    """The folder of files that can be recomputed: `GANZOO_CACHE`, else `~/.cache/ganzoo`. It may not exist yet."""
    return Path(os.environ.get("GANZOO_CACHE") or "~/.cache/ganzoo").expanduser()


def data_root(override: str | None = None) -> Path:
    """The folder of downloaded data sets: `override`, else `GANZOO_DATA`, else `data` in `cache_dir()`."""
    chosen = override or os.environ.get("GANZOO_DATA")
    return Path(chosen).expanduser() if chosen else cache_dir() / "data"


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
