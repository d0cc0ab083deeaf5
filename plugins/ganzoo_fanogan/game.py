"""f-AnoGAN's game: two stages, one after the other, and the score of anomalies that they give."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ganzoo.game import Batch, Level, Phase, Progress, Terms
from ganzoo.games import TwoPlayer
from ganzoo.networks import ConvDiscriminator, ConvEncoder, ConvGenerator, normal_init
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import FAnoGANRecipe

ENCODER_COST = 0.15
"""Time of a step of the encoder, relative to one of the WGAN with five updates of the critic."""


class FAnoGAN(TwoPlayer):
    """Players g and d, a WGAN-GP, and the encoder e, which learns after them."""

    def setup(self, recipe: FAnoGANRecipe, data: DataSpec) -> None:
        encoder = ConvEncoder(data.shape, recipe.latent, recipe.width, norm="layer", hidden=recipe.g_hidden[::-1])
        normal_init(encoder)
        self.players["e"] = encoder
        self.first = first_step(recipe, recipe.steps)

    def phases(self) -> list[Phase]:
        gan = [replace(phase, stop=self.first) for phase in super().phases()]
        return [*gan, Phase("e", "e", self.encoder_loss, start=self.first)]

    def level(self, progress: Progress) -> Level:
        """The stage, so that the time that remains is known: steps of the encoder are cheaper."""
        second = progress.step >= first_step(self.recipe, progress.steps)
        return Level(1, cost=ENCODER_COST) if second else Level(0)

    @property
    def decoder(self) -> nn.Module:
        """The generator that samples are drawn from: its average, if there is one."""
        return self.averages["g"] if "g" in self.averages else self.players["g"]

    def encode(self, x: Tensor) -> Tensor:
        z: Tensor = self.players["e"](x)
        return z

    def residuals(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The squared distances between images and their reconstructions, of pixels and of features: means `[N]`."""
        made: Tensor = self.decoder(self.encode(x))
        critic: Any = self.discriminator
        features = critic.body(x).flatten(1) - critic.body(made).flatten(1)
        return (x - made).square().flatten(1).mean(1), features.square().mean(1)

    def encoder_loss(self, batch: Batch) -> Terms:
        """izi_f (equation 4): image to latent to image, and the critic's features of both."""
        pixels, features = self.residuals(batch["x"])
        return {"pixels": pixels.mean(), "features": self.recipe.feature_weight * features.mean()}

    def anomaly_scores(self, x: Tensor) -> Tensor:
        """The same for each image (equation 5)."""
        pixels, features = self.residuals(x)
        return pixels + self.recipe.feature_weight * features


def first_step(recipe: FAnoGANRecipe, steps: int) -> int:
    """The first step of the encoder, counted from 0; at least one step is the WGAN's."""
    return max(1, round(recipe.encoder_start * steps))


def networks(recipe: FAnoGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """DCGAN's networks; no normalisation depends on the batch, so that a frozen network is a fixed function."""
    pair = (
        ConvGenerator(recipe.latent, data.shape, recipe.width, norm="layer", hidden=recipe.g_hidden),
        ConvDiscriminator(data.shape, recipe.width, norm="none", hidden=recipe.d_hidden),
    )
    for network in pair:
        normal_init(network)
    return pair
