"""Where ganzoo keeps what it downloads and computes. Imports no torch."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """The folder of what can be made again: `GANZOO_CACHE`, else `~/.cache/ganzoo`. It need not exist yet."""
    return Path(os.environ.get("GANZOO_CACHE") or "~/.cache/ganzoo").expanduser()


def data_root(override: str | None = None) -> Path:
    """The folder of downloaded data sets: `override`, else `GANZOO_DATA`, else `data` in `cache_dir()`."""
    chosen = override or os.environ.get("GANZOO_DATA")
    return Path(chosen).expanduser() if chosen else cache_dir() / "data"
