"""What a metric may need of the game that drew the samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ganzoo.game import GAN, Encoder, Reversible, Scorer, has_latent

HAS: Mapping[str, Callable[[Any], bool]] = {
    "latent": lambda gan: isinstance(gan, GAN) and has_latent(gan),
    "encoder": lambda gan: isinstance(gan, Encoder),
    "scorer": lambda gan: isinstance(gan, Scorer),
    "inputs": lambda gan: isinstance(gan, GAN) and bool(gan.inputs),
    "back": lambda gan: isinstance(gan, Reversible),
    "classes": lambda gan: isinstance(gan, GAN) and gan.classes > 0 and not gan.codes,
}
"""For each of `ganzoo.specs.ABILITIES`, whether a game has it; no game (None) has none."""


WORDS = {
    "latent": "latent vectors",
    "encoder": "an encoder",
    "scorer": "anomaly scores",
    "inputs": "inputs",
    "back": "a way back from samples to inputs",
    "classes": "class labels",
}


def missing(needs: tuple[str, ...], gan: object | None) -> list[str]:
    """What a metric needs and the game does not have, in words."""
    return [WORDS[name] for name in needs if not HAS[name](gan)]
