"""CelebA: faces, aligned and cropped by its authors; decoded once, like the user's own image folders."""

from __future__ import annotations

from pathlib import Path

from ganzoo.data.common import check_request, image_dataset
from ganzoo.data.dataset import Dataset
from ganzoo.data.images.cache import cached_images
from ganzoo.data.images.listing import Listing, stamp_of
from ganzoo.data.images.vision import find_or_download
from ganzoo.data.paths import cache_dir
from ganzoo.data.resize import check_channels
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data

DEFAULT_SIZE = 64


def load(data: Data, root: Path, split: str) -> Dataset:
    """The 162,770 training or 19,962 test faces, `[3, size, size]`, size 64 unless data.size is set; no labels.

    The published 178x218 images are cropped to their central 178x178 and resized (Lanczos, antialiased), once, into a
    memory-mapped array in `cache_dir()`. CelebA has attributes, not classes, so data.labels has no effect. Raises
    GanzooError, naming the folder, if the files are missing and cannot be downloaded, or are incomplete; also for a
    kind, a path, an unknown split, or channels other than 1 and 3.
    Source: Liu et al. 2015, https://arxiv.org/abs/1411.7766.
    """
    check_request("celeba", data, split)
    check_channels("celeba", data.channels)
    from torchvision import datasets

    def read(download: bool) -> list[str]:
        return list(datasets.CelebA(str(root), split=split, target_type=[], download=download).filename)

    folder = root / "celeba" / "img_align_celeba"
    listing = _listing(folder, find_or_download("celeba", root / "celeba", read))
    cached = cached_images(cache_dir() / "celeba", folder, listing, data.size or DEFAULT_SIZE, data.channels or 3)
    return image_dataset(
        "celeba", cached.images, data, skipped=cached.skipped, reasons=cached.reasons, digest=cached.digest
    )


def _listing(folder: Path, names: list[str]) -> Listing:
    # torchvision only checks that the folder exists; a partly unpacked archive would pass as a smaller data set.
    listing, missing = Listing(), 0
    for name in names:
        try:
            facts = (folder / name).stat()
        except OSError:
            missing += 1
            continue
        listing.add(name, facts.st_size, stamp_of(facts))
    if missing:
        raise GanzooError(
            f"celeba: {missing:,} of {len(names):,} images are missing from {folder}: "
            "delete that folder and unpack img_align_celeba.zip again."
        )
    return listing
