"""SpecGAN's game: two players of spectrograms, whose samples are sounds."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ganzoo.game import Batch
from ganzoo.games import TwoPlayer
from ganzoo.recipes import DataSpec

from .spectra import Spectra


class SpecGAN(TwoPlayer):
    """G returns spectrograms. Real sounds are shown to D as theirs, and samples are sounds that have G's."""

    def setup(self, recipe: Any, data: DataSpec) -> None:
        self.spectra = Spectra(data.shape[1], recipe.window, recipe.hop, recipe.floor, recipe.iterations)

    def shown(self, x: Any, batch: Batch) -> Tensor:
        spectrograms: Tensor = self.spectra.of_sounds(x) if x is batch["x"] else x
        return spectrograms

    def image_of(self, generated: Any) -> Tensor:
        return self.spectra.to_sounds(generated)
