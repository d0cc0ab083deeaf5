"""RelGAN's game: maximum likelihood, then D's gradient through words that are relaxed less and less."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ganzoo.errors import GanzooError
from ganzoo.game import Batch, Phase, Progress, Terms, batch_size
from ganzoo.games import TwoPlayer
from ganzoo.networks import RelationalMemory, TokenDiscriminator, TokenGenerator, counted
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import RelGANRecipe


class RelGAN(TwoPlayer):
    """D is shown rows of weights over the vocabulary `[N, L, V]`, and returns a logit for each of its embeddings."""

    sharpness: Tensor

    def setup(self, recipe: RelGANRecipe, data: DataSpec) -> None:
        self.latent, self.latent_distribution = data.shape[0], "uniform"
        self.register_buffer("sharpness", torch.ones(()))

    def phases(self) -> list[Phase]:
        likely, adversarial = self.stages(self.recipe.steps)
        start = {"d": likely, "g": adversarial}
        turns = [dataclasses.replace(phase, start=start[phase.player]) for phase in super().phases()]
        return [Phase("likelihood", "g", self.likelihood, stop=likely), *turns]

    def stages(self, steps: int) -> tuple[int, int]:
        """The first step in which D learns, and the first in which G learns from D."""
        likely = round(steps * self.recipe.pretrain)
        return likely, min(steps, likely + round(steps * self.recipe.d_pretrain))

    def on_step(self, progress: Progress) -> None:
        """The inverse temperature grows exponentially (Nie et al. 2019, section 2.2)."""
        _, start = self.stages(progress.steps)
        done = max(0.0, (progress.step - start) / max(1, progress.steps - start))
        first, last = self.recipe.first_sharpness, self.recipe.sharpness
        self.sharpness.fill_(first * (last / first) ** done)

    @property
    def language_model(self) -> TokenGenerator:
        """G, whose averaged weights take its place when samples are drawn."""
        return cast("TokenGenerator", self.generator)

    def likelihood(self, batch: Batch) -> Terms:
        """The negative log-likelihood of a token of the batch's sentences, in nats."""
        x = batch["x"]
        return {"nll": -self.language_model.log_probabilities(x).sum() / counted(x).sum()}

    def fakes(self, batch: Batch) -> Tensor:
        """Relaxed sentences `[N, L, V]`, whose random numbers are Gumbel noise and no latent."""
        return self.language_model.relaxed(
            batch_size(batch), self.sharpness, straight_through=self.recipe.straight_through
        )

    def shown(self, x: Any, batch: Batch) -> Tensor:
        return x if x.is_floating_point() else one_hot(x, self.language_model.vocabulary).float()

    def sample(
        self, n: int, y: Tensor | None = None, given: Batch | None = None, truncation: float | None = None
    ) -> Tensor:
        return self.generate(self.draw_latent(n, truncation))


def networks(recipe: RelGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """The generator and the discriminator. Raises GanzooError for a memory that cannot be split."""
    if recipe.width % (recipe.slots * recipe.heads):
        raise GanzooError(
            f"a memory of {recipe.width} numbers cannot be split into {recipe.slots} slots of {recipe.heads} heads: "
            f"use --set width={recipe.slots * recipe.heads * max(1, recipe.width // (recipe.slots * recipe.heads))}."
        )
    (length,), vocabulary = data.shape, len(data.note["tokens"]) if data.note else 1000
    cell = RelationalMemory(recipe.size, recipe.width, recipe.slots, recipe.heads)
    channels = dict.fromkeys(recipe.d_windows, recipe.d_width)
    d = TokenDiscriminator(
        vocabulary, length, recipe.d_size, channels, representations=recipe.representations, dropout=recipe.dropout
    )
    return TokenGenerator(vocabulary, length, recipe.size, cell), d
