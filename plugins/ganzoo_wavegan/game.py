"""WaveGAN's game: two players, of which the critic can be shown companded sounds."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ganzoo.game import Batch
from ganzoo.games import TwoPlayer

from .networks import encoded


class WaveGAN(TwoPlayer):
    """Real and generated sounds are compressed before the critic, and its penalty, see them."""

    def shown(self, x: Any, batch: Batch) -> Tensor:
        return encoded(x, self.recipe.emphasis, self.recipe.companding)
