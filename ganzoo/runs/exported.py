"""Reading the two files of an exported generator: FILE.safetensors, and FILE.json that describes it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.runs.reading import read_info


def read_exported(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The description of an exported generator and its tensors, named as in the game's state. Nothing is run.

    Raises GanzooError if a file is missing or damaged, or if they do not belong together.
    """
    file = path.with_suffix(".json")
    for part in (path, file):
        if not part.is_file():
            raise GanzooError(f"there is no file {part}: an exported generator is FILE.safetensors and FILE.json.")
    info, content = read_info(file), path.read_bytes()
    if not isinstance(info.get("players"), list) or not isinstance(info.get("step"), int):
        raise GanzooError(f"{file} is damaged: it does not describe an exported generator.")
    if info.get("sha256") != hashlib.sha256(content).hexdigest():
        raise GanzooError(f"{path} is damaged, or {file.name} belongs to another file: the checksum does not match.")
    try:
        return info, safetensors.torch.load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise GanzooError(f"{path} holds no safetensors; it was not loaded.") from error
