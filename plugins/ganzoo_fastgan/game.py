"""FastGAN's game: the discriminator also reconstructs the real images that it sees."""

from __future__ import annotations

from typing import Any

import torch

from ganzoo.game import Batch, Terms
from ganzoo.games import TwoPlayer


class FastGAN(TwoPlayer):
    """D returns its logits with features, from which its decoders reconstruct real images (Liu et al. 2021, 3.2)."""

    def logits(self, output: Any) -> Any:
        return output.logits

    def d_terms(self, batch: Batch, real: Any, fake: Any) -> Terms:
        decoders: Any = self.discriminator
        errors = [(made - wanted).abs().mean() for made, wanted in decoders.reconstructions(real)]
        loss = self.recipe.reconstruction * torch.stack(errors).sum()
        return super().d_terms(batch, real, fake) | {"reconstruction": loss}
