"""Games that many variants share, with their losses and penalties."""

from ganzoo.games.spectral import add_spectral_norm
from ganzoo.games.two_player import TwoPlayer

__all__ = ["TwoPlayer", "add_spectral_norm"]
