"""SeqGAN's game: maximum likelihood, then a policy gradient whose rewards are D's opinions of completed sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganzoo.game import GAN, Batch, Phase, Terms, batch_size
from ganzoo.networks import LSTMMemory, TokenDiscriminator, TokenGenerator, counted
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import SeqGANRecipe


class SeqGAN(GAN):
    """Players `g`, a language model, and `d`, which tells sentences of the data from those of G."""

    latent_distribution = "uniform"

    def __init__(self, recipe: SeqGANRecipe, data: DataSpec) -> None:
        (length,), vocabulary = data.shape, len(data.note["tokens"]) if data.note else 1000
        channels = dict.fromkeys(recipe.d_windows, recipe.d_width)
        g = TokenGenerator(vocabulary, length, recipe.size, LSTMMemory(recipe.size, recipe.width))
        d = TokenDiscriminator(vocabulary, length, recipe.size, channels, dropout=recipe.dropout)
        super().__init__({"g": g, "d": d}, ema=["g"] if recipe.averaged else [])
        self.recipe, self.latent = recipe, length

    @property
    def generator(self) -> TokenGenerator:
        return cast("TokenGenerator", self.players["g"])

    def phases(self) -> list[Phase]:
        likely, adversarial = self.stages()
        return [
            Phase("likelihood", "g", self.likelihood, stop=likely),
            Phase("d", "d", self.discriminate, repeats=self.recipe.d_updates, start=likely),
            Phase("g", "g", self.policy_gradient, start=adversarial, new_batch=False),
        ]

    def stages(self) -> tuple[int, int]:
        """The first step in which D learns, and the first in which G learns from D."""
        steps, recipe = self.recipe.steps, self.recipe
        likely = round(steps * recipe.pretrain)
        return likely, min(steps, likely + round(steps * recipe.d_pretrain))

    # Drawing

    def draw_latent(self, n: int, truncation: float | None = None) -> Tensor:
        """One number for each token, uniform on [-1, 1]; times the truncation, but at most 1."""
        device = next(self.players["g"].parameters()).device
        return (torch.rand(n, self.latent, device=device) * 2 - 1) * min(1.0, truncation or 1.0)

    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        tokens: Tensor = self.players["g"](z)
        return tokens

    def sample(
        self, n: int, y: Tensor | None = None, given: Batch | None = None, truncation: float | None = None
    ) -> Tensor:
        return self.generate(self.draw_latent(n, truncation))

    # Updates

    def likelihood(self, batch: Batch) -> Terms:
        """The negative log-likelihood of a token of the batch's sentences, in nats."""
        x = batch["x"]
        return {"nll": -self.generator.log_probabilities(x).sum() / counted(x).sum()}

    def discriminate(self, batch: Batch) -> Terms:
        """D's cross-entropy (equation 5), on as many sentences of G as the batch has."""
        with torch.no_grad():
            fake = self.sample(batch_size(batch))
        # One pass, as nothing in D depends on the other samples.
        logits = self.players["d"](torch.cat([batch["x"], fake])).float()
        of_real, of_fake = logits.tensor_split([len(batch["x"])])
        loss = softplus(-of_real).mean() + softplus(of_fake).mean()
        return {"loss": loss, "real": of_real.detach().mean(), "fake": of_fake.detach().mean()}

    def policy_gradient(self, batch: Batch) -> Terms:
        """REINFORCE (equations 6 and 7): log-probabilities of G's tokens, weighted by their rewards."""
        with torch.no_grad():
            tokens = self.sample(batch_size(batch))
            rewards = self.rewards(tokens)
            used = counted(tokens)
            advantage = rewards
            if self.recipe.baseline:
                advantage = rewards - (rewards * used).sum(0) / used.sum(0).clamp(min=1)
        chosen = self.generator.log_probabilities(tokens)
        reward = (rewards * used).sum() / used.sum()
        return {"loss": -(chosen * advantage * used).sum(1).mean(), "reward": reward}

    def rewards(self, tokens: Tensor) -> Tensor:
        """The reward `[N, L]` of each token of sentences `[N, L]`: how real D finds sentences that begin up to it.

        The probability that D gives to the whole sentence for its last token, and the mean over `rollouts` completions
        by G for the others (equation 4).
        """
        made = self.generator.completed(tokens, self.recipe.rollouts)
        with self.without_dropout():
            opinions = self.players["d"](torch.cat([made.flatten(0, 1), tokens])).float().sigmoid()
        of_starts, of_sentences = opinions.tensor_split([len(opinions) - len(tokens)])
        means = of_starts.view(len(made), self.recipe.rollouts, -1).mean(1).mT
        return torch.cat([means, of_sentences[:, None]], 1)

    @contextmanager
    def without_dropout(self) -> Iterator[None]:
        """Within this block, D is in evaluation mode."""
        d = self.players["d"]
        training = d.training
        d.eval()
        try:
            yield
        finally:
            d.train(training)
