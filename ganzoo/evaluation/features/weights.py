"""Weights of published feature networks: downloaded if missing, verified, and read without running code in them."""

from __future__ import annotations

import hashlib
import io
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

import torch

from ganzoo.errors import GanzooError
from ganzoo.files.typed import require_readable_kind

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Weights:
    """The content of a weights file, as read and verified. sha256: of the file, in hexadecimal."""

    content: bytes
    sha256: str

    def open(self) -> io.BytesIO:
        """The verified content, independent of later changes to the file."""
        return io.BytesIO(self.content)


def cached_file(url: str, name: str = "") -> Path:
    """The path at which torch caches the file of a URL."""
    return Path(torch.hub.get_dir()) / "checkpoints" / (name or PurePosixPath(urlparse(url).path).name)


def fetch(space: str, url: str, path: Path, sha256_prefix: str) -> None:
    """Download the weights of a feature space to `path` if they are missing.

    Raises GanzooError, which says where to get the file and where to put it.
    """
    if path.exists():
        return
    log.info("downloading the weights of %s from %s", space, url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=sha256_prefix, progress=False)
    # URLError is an OSError; a checksum that does not match is a RuntimeError.
    except (OSError, RuntimeError) as error:
        raise GanzooError(
            f"the weights of {space} are missing and cannot be downloaded ({_reason(error)}): "
            f"get {url} and put it into {path.parent}, or name the file with --weights FILE."
        ) from error


def read_state(path: Path, space: str) -> Weights:
    """The weights in a file that torch.save wrote: tensors by name.

    Raises GanzooError if it cannot be read, has another format, or contains more than tensors and plain values.
    """
    weights = read_bytes(path, space)
    refused = f"{path} does not contain weights of {space}"
    try:
        state = torch.load(weights.open(), map_location="cpu", weights_only=True)
    except Exception as error:
        # torch's own message has many lines and suggests loading the file regardless.
        unsafe = "Weights only load failed" in str(error) or "Unsupported" in str(error)
        why = "it holds more than tensors and plain values" if unsafe else "it is damaged or in another format"
        raise GanzooError(f"{refused}: {why}; it was not loaded.") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise GanzooError(f"{refused}: it is not a dictionary of tensors.")
    return weights


def read_bytes(path: Path, space: str) -> Weights:
    """Read and hash a file. Raises GanzooError if it does not exist or cannot be read."""
    require_readable_kind(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        what = "a folder" if path.is_dir() else (error.strerror or "unreadable").lower()
        raise GanzooError(f"cannot read the weights of {space} in {path}: {what}; name a file.") from error
    return Weights(content, hashlib.sha256(content).hexdigest())


@contextmanager
def tensors_only() -> Iterator[None]:
    """Make every torch.load, including those of other packages, unpickle only tensors and plain values."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(reason).splitlines()[0] if str(reason) else type(error).__name__
