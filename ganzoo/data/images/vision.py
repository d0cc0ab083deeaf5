"""Published image data sets, read by torchvision from the data root and downloaded to it if missing."""

from __future__ import annotations

import contextlib
import io
import socket
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.common import check_request, image_dataset
from ganzoo.data.dataset import Dataset
from ganzoo.data.paths import may_download
from ganzoo.data.resize import prepare
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data

T = TypeVar("T")

DIGITS = tuple("0123456789")

TIMEOUT = 30.0
"""Seconds without a response after which a download fails."""


@dataclass(frozen=True)
class _Published:
    """torchvision's class, the folder of its files under the data root, and which argument selects the split.

    inside: the folder under the data root that torchvision gets as its root; empty for the data root itself.
    layout: the axes of torchvision's array in the order `[N, C, H, W]`, or `[N, H, W]` for grey images.
    """

    cls: str
    files: str
    by_train_flag: bool
    layout: tuple[int, ...] = (0, 1, 2, 3)
    inside: str = ""
    class_names: tuple[str, ...] = ()


PUBLISHED = {
    "mnist": _Published("MNIST", "MNIST/raw", True, (0, 1, 2), class_names=DIGITS),
    "fashion-mnist": _Published("FashionMNIST", "FashionMNIST/raw", True, (0, 1, 2)),
    "cifar10": _Published("CIFAR10", "cifar-10-batches-py", True, (0, 3, 1, 2)),
    "cifar100": _Published("CIFAR100", "cifar-100-python", True, (0, 3, 1, 2)),
    # torchvision would put its two files directly into the data root.
    "svhn": _Published("SVHN", "svhn", False, inside="svhn", class_names=DIGITS),
    "stl10": _Published("STL10", "stl10_binary", False),
}


def load(name: str, data: Data, root: Path, split: str) -> Dataset:
    """Data set `name` of PUBLISHED from folder `root`, in memory: `[1, 28, 28]`, `[3, 32, 32]`; stl10 `[3, 96, 96]`.

    mnist and fashion-mnist 60,000 + 10,000; cifar10 and cifar100 50,000 + 10,000; svhn 73,257 + 26,032 (its "extra"
    images are left out); stl10 5,000 + 8,000 (its unlabelled images are left out). data.size and data.channels convert
    them. Raises GanzooError, naming the folder, if the files are missing and cannot be downloaded, or are damaged;
    also for a kind, a path, an unknown split, or channels other than 1 and 3.
    """
    check_request(name, data, split)
    # Imported here so that data sets that do not need torchvision do not wait for its import.
    from torchvision import datasets

    source = PUBLISHED[name]
    selected: dict[str, Any] = {"train": split == "train"} if source.by_train_flag else {"split": split}

    def read(download: bool) -> tuple[Tensor, Tensor, tuple[str, ...]]:
        found = getattr(datasets, source.cls)(str(root / source.inside), download=download, **selected)
        labels = found.targets if source.by_train_flag else found.labels
        names = source.class_names or tuple(found.classes)
        return _images(found.data, source.layout), torch.as_tensor(np.asarray(labels), dtype=torch.int64), names

    images, labels, names = find_or_download(name, root / source.files, read)
    return image_dataset(name, prepare(name, images, data), data, labels=labels, class_names=names)


def _images(values: Tensor | np.ndarray, layout: tuple[int, ...]) -> Tensor:
    images = torch.as_tensor(values).permute(layout)
    return (images[:, None] if images.dim() == 3 else images).contiguous()


def find_or_download(name: str, folder: Path, read: Callable[[bool], T]) -> T:
    """The result of `read(False)` or, if that fails and downloads are allowed, of `read(True)`, which downloads first.

    folder: where the files of data set `name` belong, for the message of the GanzooError if neither works.
    """
    # Both steps fail in many ways (URLError, RuntimeError, OSError, BadZipFile, a missing gdown, an assertion on a file
    # that is too short), and the user should get a one-line error for each.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return read(False)
        except Exception as error:
            if not may_download():
                raise GanzooError(f"{name} cannot be read from {folder}.") from error
            damaged = _has_files(folder)
        try:
            with _downloading():
                return read(True)
        except Exception as error:
            reason = _one_line(error)
            if damaged:
                message = (
                    f"{name}: the files in {folder} are incomplete or damaged, and could not be downloaded again "
                    f"({reason}): delete that folder and try again, or type --data-root DIR to read from elsewhere."
                )
            else:
                message = (
                    f"{name} was not found and could not be downloaded ({reason}): "
                    f"its files belong in {folder}; type --data-root DIR to read from elsewhere."
                )
            raise GanzooError(message) from error


@contextlib.contextmanager
def _downloading() -> Iterator[None]:
    """Show only the progress bar (on standard error), suppress torchvision's messages, and set a timeout."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        socket.setdefaulttimeout(before)


def _has_files(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _one_line(error: Exception) -> str:
    lines = [line.strip().strip("<>") for line in str(error).splitlines() if line.strip()]
    reason = lines[-1] if lines else type(error).__name__
    return reason if len(reason) <= 160 else reason[:157] + "..."
