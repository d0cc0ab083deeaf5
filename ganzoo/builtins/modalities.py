"""The core's kinds of data. Imports no torch: each `load` imports the module that does the work."""

from __future__ import annotations

from ganzoo.builtins.lazy import lazy
from ganzoo.specs import ModalitySpec

MODALITIES = (
    ModalitySpec("image", "Images [N, C, H, W] in [-1, 1], grey or in colour.", lazy("ganzoo.modalities.image:Images")),
    ModalitySpec("points", "Points [N, D] in a space of few dimensions.", lazy("ganzoo.modalities.points:Points")),
)
