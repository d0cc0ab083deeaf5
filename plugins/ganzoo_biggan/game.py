"""BigGAN's game: orthogonal regularisation and standing statistics; and its networks, from the core's residual ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.game import Batch, Terms
from ganzoo.games import TwoPlayer, add_spectral_norm
from ganzoo.networks import ResidualDiscriminator, ResidualGenerator
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import BigGANRecipe


class BigGAN(TwoPlayer):
    """Both players are given the class. Samples are drawn with standing statistics of batch normalisation."""

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        terms = super().g_terms(batch, fakes, fake, real)
        if not self.recipe.orthogonal:
            return terms
        return terms | {"orthogonal": self.recipe.orthogonal * non_orthogonality(self.generator)}

    @contextmanager
    def for_sampling(self, averaged: bool = True) -> Iterator[None]:
        with super().for_sampling(averaged), self.standing_statistics():
            yield

    def sample(
        self, n: int, y: Tensor | None = None, given: Batch | None = None, truncation: float | None = None
    ) -> Tensor:
        if truncation is None or self.training:
            return super().sample(n, y, given, truncation)
        with self.standing_statistics(truncation):
            return super().sample(n, y, given, truncation)

    @contextmanager
    @torch.no_grad()
    def standing_statistics(self, truncation: float | None = None) -> Iterator[None]:
        """Within this block, G normalises by the mean statistics of batches that are generated anew (section 4).

        Latents are truncated as those of the samples are, since statistics of other latents do not fit them. They are
        the same each time, and neither training nor other samples are affected.
        """
        layers = [layer for layer in self.generator.modules() if isinstance(layer, _BatchNorm)]
        before = [[buffer.clone() for buffer in layer.buffers()] for layer in layers]
        momenta = [layer.momentum for layer in layers]
        try:
            if self.recipe.standing:
                for layer in layers:
                    layer.reset_running_stats()
                    layer.momentum = None
                    layer.train()
                self._generate_anew(truncation)
                for layer in layers:
                    layer.eval()
            yield
        finally:
            for layer, momentum, buffers in zip(layers, momenta, before, strict=True):
                layer.momentum = momentum
                for buffer, value in zip(layer.buffers(), buffers, strict=True):
                    buffer.copy_(value)

    def _generate_anew(self, truncation: float | None) -> None:
        """Generate the batches of standing statistics, always from the same random numbers."""
        batches = self.recipe.standing
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(0)
            # Drawn at once: a draw of the samples' number is changed while only the first of a batch are drawn.
            z = self.draw_latent(batches * self.recipe.batch, truncation)
            y = torch.randint(self.classes, (len(z),), device=self.device)
            for part, classes in zip(z.chunk(batches), y.chunk(batches), strict=True):
                self.generator(part, classes)


def non_orthogonality(generator: nn.Module) -> Tensor:
    """The sum over weights W `[out, ...]` of the squared inner products of different rows (Brock et al. 2019, eq. 3).

    The weights as they are trained, before spectral normalisation. The class embedding is left out, as in the authors'
    code.
    """
    total = torch.zeros((), device=next(generator.parameters()).device)
    for name, weight in generator.named_parameters():
        if weight.ndim < 2 or name.startswith("embed."):
            continue
        rows = weight.flatten(1)
        products = rows @ rows.t()
        total = total + products.square().sum() - products.diagonal().square().sum()
    return total


def networks(recipe: BigGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """The generator and the discriminator, with orthogonal initial weights; D is normalised by the game."""
    at, y = recipe.attention, data.classes
    g = ResidualGenerator(
        recipe.latent,
        data.shape,
        recipe.width,
        classes=y,
        shared=recipe.shared,
        split=True,
        attention=at,
        init="orthogonal",
    )
    d = ResidualDiscriminator(data.shape, recipe.d_width, classes=y, wide=True, attention=at, init="orthogonal")
    if recipe.spectral_norm:
        for part in (g.project, g.blocks, g.attention, g.output):
            if part is not None:
                add_spectral_norm(part)
    return g, d
