"""For data sets of image files: finding and decoding them, and converting size and channels of images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ganzoo.data.images.cache import CachedImages, cached_images
from ganzoo.data.images.listing import Listing, printable
from ganzoo.data.images.scan import Entry, scan
from ganzoo.data.paths import cache_dir
from ganzoo.data.resize import check_channels, height_width, prepare, to_channels
from ganzoo.errors import GanzooError
from ganzoo.files.typed import typed_path
from ganzoo.recipes import Size

__all__ = [
    "CachedImages", "ImageFiles", "check_channels", "height_width", "images_in", "prepare", "printable", "to_channels",
    "typed_path",
]  # fmt: skip


@dataclass(frozen=True)
class ImageFiles:
    """Some image files of a folder, in order. entries: relative path, size and stamp of each, as of `images_in`."""

    folder: Path
    entries: tuple[Entry, ...]

    @property
    def names(self) -> list[str]:
        """The files' paths, relative to the folder."""
        return [entry[0] for entry in self.entries]

    def select(self, names: set[str] | frozenset[str]) -> ImageFiles:
        """Those of these names."""
        return ImageFiles(self.folder, tuple(entry for entry in self.entries if entry[0] in names))

    def decoded(self, size: Size, channels: int | None = None, *, nearest: bool = False) -> CachedImages:
        """The images as one memory-mapped array uint8 `[N, C, *size]`, decoded once and kept in the cache.

        channels: 1, 3, 4, or None for 3 unless every pixel of every image is grey. nearest: resize without a filter, as
        maps whose colours mean something. Files that cannot be read are left out, and named in `skipped`. Raises
        GanzooError if none can be read.
        """
        listing = Listing()
        for entry in self.entries:
            listing.add(*entry)
        return cached_images(cache_dir() / "folder", self.folder, listing, size, channels, nearest=nearest)


def images_in(folder: Path) -> ImageFiles:
    """All images under a folder, at any depth, sorted by their paths. Raises GanzooError if there are none."""
    found = ImageFiles(folder, tuple(scan(folder)))
    if not found.entries:
        raise GanzooError(f"there are no images in {folder}: name another folder.")
    return found
