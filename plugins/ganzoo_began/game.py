"""BEGAN's game: D's loss weights the generated samples so that both players stay in balance."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganzoo.game import Batch, Phase, Terms
from ganzoo.games import TwoPlayer
from ganzoo.recipes import DataSpec


class BEGAN(TwoPlayer):
    """D returns the errors of its reconstructions `[N]` and codes `[N, code]`.

    `k` weights the generated samples in D's loss. `real_error` is the error of the real samples in D's last update.
    """

    k: Tensor
    real_error: Tensor

    def setup(self, recipe: Any, data: DataSpec) -> None:
        for name in ("k", "real_error"):
            self.register_buffer(name, torch.zeros(()))

    def logits(self, output: Any) -> Any:
        return -output[0]

    def d_terms(self, batch: Batch, real: Any, fake: Any) -> Terms:
        """L(x) - k L(G(z)) (section 3.4)."""
        of_real, of_fake = real[0].mean(), fake[0].mean()
        loss = of_real - self.k * of_fake
        return {"loss": loss, "real": of_real.detach(), "fake": of_fake.detach(), "k": self.k.clone()}

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        """L(G(z)), and the measure of convergence L(x) + |gamma L(x) - L(G(z))| (section 3.4.1)."""
        loss = fake[0].mean()
        return {"loss": loss, "convergence": self.real_error + self.imbalance(loss.detach()).abs()}

    def imbalance(self, fake_error: Tensor) -> Tensor:
        """gamma times the error of the real samples, less that of the generated ones: 0 is balance."""
        return self.recipe.gamma * self.real_error - fake_error

    @torch.no_grad()
    def after_update(self, phase: Phase, terms: Terms) -> None:
        super().after_update(phase, terms)
        if phase.name == "d":
            self.real_error.copy_(terms["real"])
        elif phase.name == "g":
            self.k.add_(self.recipe.k_rate * self.imbalance(terms["loss"])).clamp_(0, 1)
