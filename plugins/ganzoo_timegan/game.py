"""TimeGAN's game: an autoencoder, a generator with a supervisor, and a discriminator, in three stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, softplus

from ganzoo.errors import GanzooError
from ganzoo.game import GAN, Batch, Level, Phase, Progress, Terms
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import TimeGANRecipe

COSTS = (1.0, 0.7, 4.0)
"""Time of a step of each stage, relative to one another."""

TINY = 1e-6


class Recurrent(nn.Module):
    """`[N, T, inputs]` to `[N, T, outputs]`: GRU layers, and a linear layer and an activation in every step."""

    def __init__(self, inputs: int, hidden: int, outputs: int, layers: int, activation: nn.Module) -> None:
        super().__init__()
        self.body = nn.GRU(inputs, hidden, layers, batch_first=True)
        self.head = nn.Sequential(nn.Linear(hidden, outputs), activation)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.body(x)[0])
        return output


class Autoencoder(nn.Module):
    """The embedder, series to embeddings `[N, T, hidden]` in [0, 1], and the recovery, which inverts it."""

    def __init__(self, recipe: TimeGANRecipe, data: DataSpec) -> None:
        super().__init__()
        columns, hidden, layers = data.shape[1], recipe.hidden, recipe.layers
        self.embed = Recurrent(columns, hidden, hidden, layers, nn.Sigmoid())
        self.recover = Recurrent(hidden, hidden, columns, layers, nn.Identity() if data.range is None else nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        series: Tensor = self.recover(self.embed(x))
        return series


class Generator(nn.Module):
    """The generator, noise `[N, T, noise]` to embeddings, and the supervisor, embeddings to those one step later."""

    def __init__(self, recipe: TimeGANRecipe, noise: int) -> None:
        super().__init__()
        hidden, layers = recipe.hidden, recipe.layers
        self.generate = Recurrent(noise, hidden, hidden, layers, nn.Sigmoid())
        self.supervise = Recurrent(hidden, hidden, hidden, max(1, layers - 1), nn.Sigmoid())

    def forward(self, z: Tensor) -> Tensor:
        embeddings: Tensor = self.supervise(self.generate(z))
        return embeddings


class TimeGAN(GAN):
    """Players `e` (embedder and recovery), `g` (generator and supervisor) and `d`, which judges embeddings.

    The autoencoder learns alone, then the supervisor alone, then all together (section 4.3 of the paper; losses as in
    the authors' code, https://github.com/jsyoon0823/TimeGAN, timegan.py).
    """

    latent_distribution = "uniform"

    def __init__(self, recipe: TimeGANRecipe, data: DataSpec) -> None:
        if recipe.pretrain_e + recipe.pretrain_s >= 1:
            raise GanzooError(
                f"pretrain_e={recipe.pretrain_e:g} and pretrain_s={recipe.pretrain_s:g} leave no step to learn in "
                "together: their sum must be less than 1."
            )
        noise = recipe.noise or data.shape[1]
        players = {
            "e": Autoencoder(recipe, data),
            "g": Generator(recipe, noise + recipe.static),
            "d": Recurrent(recipe.hidden, recipe.hidden, 1, recipe.layers, nn.Flatten(1)),
        }
        super().__init__(players, ema=["e", "g"] if recipe.averaged else [])
        self.recipe, self.steps, self.latent = recipe, data.shape[0], recipe.static + data.shape[0] * noise

    @property
    def autoencoder(self) -> Autoencoder:
        return cast(Autoencoder, self.players["e"])

    @property
    def generator(self) -> Generator:
        return cast(Generator, self.players["g"])

    def follow(self, recipe: TimeGANRecipe) -> None:  # type: ignore[override]
        self.recipe = recipe

    # The stages

    def ends(self, steps: int) -> tuple[int, int]:
        """The steps at which the first and the second stage end."""
        first = round(self.recipe.pretrain_e * steps)
        return first, first + round(self.recipe.pretrain_s * steps)

    def level(self, progress: Progress) -> Level:
        """A level for each stage, as their steps take different times."""
        stage = sum(progress.step >= end for end in self.ends(progress.steps))
        return Level(stage, cost=COSTS[stage])

    def phases(self) -> list[Phase]:
        first, second = self.ends(self.recipe.steps)
        rows = [
            Phase("embedding", "e", self.embedding_loss, stop=first),
            Phase("supervised", "g", self.supervised_loss, start=first, stop=second),
            Phase("g", "g", self.generator_loss, start=second, repeats=self.recipe.g_updates),
            Phase("e", "e", self.autoencoder_loss, start=second, repeats=self.recipe.g_updates, new_batch=False),
            Phase("d", "d", self.discriminator_loss, start=second),
        ]
        return [row for row in rows if row.stop is None or row.stop > row.start]

    # Losses

    def reconstruction(self, x: Tensor, embeddings: Tensor) -> Tensor:
        """10 times the root mean square error of recovered series."""
        return 10 * (mse_loss(self.autoencoder.recover(embeddings), x) + TINY).sqrt()

    def supervision(self, embeddings: Tensor) -> Tensor:
        """Mean squared error of the supervisor's next step, from real embeddings."""
        return mse_loss(self.generator.supervise(embeddings)[:, :-1], embeddings[:, 1:])

    def embedding_loss(self, batch: Batch) -> Terms:
        return {"loss": self.reconstruction(batch["x"], self.autoencoder.embed(batch["x"]))}

    def supervised_loss(self, batch: Batch) -> Terms:
        return {"loss": self.supervision(self.autoencoder.embed(batch["x"]))}

    def autoencoder_loss(self, batch: Batch) -> Terms:
        embeddings = self.autoencoder.embed(batch["x"])
        supervision = self.recipe.stability * self.supervision(embeddings)
        return {"loss": self.reconstruction(batch["x"], embeddings), "supervision": supervision}

    def fakes(self, n: int) -> tuple[Tensor, Tensor]:
        """Embeddings from noise, after the supervisor and before it."""
        before = self.generator.generate(self.noise_of(self.draw_latent(n)))
        return self.generator.supervise(before), before

    def generator_loss(self, batch: Batch) -> Terms:
        x, recipe = batch["x"], self.recipe
        after, before = self.fakes(len(x))
        of_after, of_before = self.players["d"](torch.cat([after, before])).chunk(2)
        supervision = (self.supervision(self.autoencoder.embed(x)) + TINY).sqrt()
        series = self.autoencoder.recover(after)
        # Of each step and column, over the batch.
        spread = ((series.var(0, correction=0) + TINY).sqrt() - (x.var(0, correction=0) + TINY).sqrt()).abs().mean()
        moments = spread + (series.mean(0) - x.mean(0)).abs().mean()
        return {
            "loss": softplus(-of_after).mean(),
            "unsupervised": recipe.unsupervised * softplus(-of_before).mean(),
            "supervision": recipe.supervision * supervision,
            "moments": recipe.moments * moments,
        }

    def discriminator_loss(self, batch: Batch) -> Terms:
        with torch.no_grad():
            real = self.autoencoder.embed(batch["x"])
            after, before = self.fakes(len(real))
        of_real, of_after, of_before = self.players["d"](torch.cat([real, after, before])).chunk(3)
        zero = of_real.new_zeros(())
        loss = softplus(-of_real).mean() + softplus(of_after).mean()
        # Only the fake half, as real embeddings are in the loss already.
        skipped = self.recipe.unsupervised * softplus(of_before).mean()
        learns = (loss + skipped).detach() > self.recipe.d_floor
        return {
            "loss": torch.where(learns, loss, zero * loss),
            "unsupervised": torch.where(learns, skipped, zero * skipped),
            "real": of_real.mean().detach(),
            "fake": of_after.mean().detach(),
        }

    # Sampling

    def noise_of(self, z: Tensor) -> Tensor:
        """Latents `[N, latent]` as the noise of every step, `[N, T, static + noise]`; the first part is in all."""
        static, own = z.tensor_split([self.recipe.static], 1)
        return torch.cat([static[:, None].expand(-1, self.steps, -1), own.unflatten(1, (self.steps, -1))], 2)

    def draw_latent(self, n: int, truncation: float | None = None) -> Tensor:
        device = next(self.players.parameters()).device
        return (torch.rand(n, self.latent, device=device) * 2 - 1) * min(1.0, truncation or 1.0)

    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        series: Tensor = self.autoencoder.recover(self.generator(self.noise_of(z)))
        return series

    def sample(
        self, n: int, y: Tensor | None = None, given: Batch | None = None, truncation: float | None = None
    ) -> Tensor:
        return self.generate(self.draw_latent(n, truncation))
