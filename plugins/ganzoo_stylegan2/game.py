"""StyleGAN2's game: the two-player game with path length regularisation of the generator."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ganzoo.game import Batch, Phase, Terms, batch_size
from ganzoo.games import TwoPlayer
from ganzoo.recipes import DataSpec


class StyleGAN2(TwoPlayer):
    """`path_mean` is a running mean of path lengths (Karras et al. 2020, section 3.2)."""

    path_mean: Tensor

    def setup(self, recipe: Any, data: DataSpec) -> None:
        self.register_buffer("path_mean", torch.zeros(()))

    def phases(self) -> list[Phase]:
        rows = super().phases()
        if self.recipe.path_weight:
            half = max(1, self.recipe.batch // 2)
            every = self.recipe.path_every
            rows.append(Phase("path", "g", self.path_length, every=every, new_batch=False, batch=half))
        return rows

    def path_length(self, batch: Batch) -> Terms:
        """The squared deviation of path lengths from their running mean (equation 4), differentiated twice, in fp32.

        A path length is the norm of the gradient of a randomly weighted image with respect to the styles, a root mean
        square over the layers.
        """
        z, y = self.draw_latent(batch_size(batch)), self.fake_labels(batch) if self.classes else None
        generator: Any = self.generator
        with torch.autocast(z.device.type, enabled=False):
            w = generator.styles(z, y)
            image = generator.synthesise(w)
            noise = torch.randn_like(image) / math.sqrt(image.shape[2] * image.shape[3])
            (gradient,) = torch.autograd.grad((image * noise).sum(), w, create_graph=True)
            lengths = gradient.square().sum(2).mean(1).sqrt()
            mean = torch.lerp(self.path_mean, lengths.mean(), 0.01)
            self.path_mean.copy_(mean.detach())
            loss = self.recipe.path_weight * (lengths - mean).square().mean()
        return {"loss": loss, "length": lengths.detach().mean()}

    def sample(
        self, n: int, y: Tensor | None = None, given: Batch | None = None, truncation: float | None = None
    ) -> Tensor:
        """As in every game, but `truncation` moves the styles towards their average: 1 leaves them as they are."""
        if self.classes and y is None:
            y = torch.randint(self.classes, (n,), device=self.device)
        image: Tensor = self.generator(self.draw_latent(n), y, truncation)
        return image
