"""Games that many variants share, with their losses and penalties."""

from ganzoo.games.spectral import add_spectral_norm
from ganzoo.games.translation import (
    SOURCE,
    ImagePool,
    PairedTranslator,
    jittered,
    patch_layers,
    require_pairs,
    source_of,
)
from ganzoo.games.two_player import TwoPlayer

__all__ = [
    "SOURCE",
    "ImagePool",
    "PairedTranslator",
    "TwoPlayer",
    "add_spectral_norm",
    "jittered",
    "patch_layers",
    "require_pairs",
    "source_of",
]
