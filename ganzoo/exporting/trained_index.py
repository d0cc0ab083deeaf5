"""The trained generators that come with ganzoo: what they are, read without importing torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.recipes import flat

FOLDER = Path(__file__).parent / "trained_files"
"""Written by `python -m benchmarks.bundled_generators`."""


@dataclass(frozen=True)
class Trained:
    """A trained generator that comes with ganzoo.

    name: VARIANT.RECIPE. file: the weights, as `ganzoo export` writes them, with a description beside. info: the
    description; `trained` in it has the command, and the scores of this file.
    """

    name: str
    file: Path
    info: dict[str, Any]

    @property
    def summary(self) -> str:
        """How it was trained, on what, and how good it is, in one line."""
        info, made = self.info, self.info["trained"]
        scores = ", ".join(f"{row['name']} {row['value']:.3g} (real data {row['real']:.3g})" for row in made["scores"])
        return (
            f"{info['step']:,} steps on {info['data']['name']} with seed {info['recipe']['seed']}"
            f"{_settings(made['set'])}; {scores}; {info['bytes'] / 1000:.0f} kB, sha256 {info['sha256'][:12]}"
        )


def trained() -> dict[str, Trained]:
    """All of them, by name."""
    found = {}
    for file in sorted(FOLDER.glob("*.safetensors")):
        info = json.loads(file.with_suffix(".json").read_text("utf-8"))
        found[file.stem] = Trained(file.stem, file, info)
    return found


def _settings(changed: dict[str, Any]) -> str:
    return "".join(f", {key}={value}" for key, value in flat(changed).items())
