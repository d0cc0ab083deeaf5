"""Games that many variants share, with their losses and penalties."""

from ganzoo.games.two_player import TwoPlayer, add_spectral_norm

__all__ = ["TwoPlayer", "add_spectral_norm"]
