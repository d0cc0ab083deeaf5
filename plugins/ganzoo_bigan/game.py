"""BiGAN's game, and its networks from the core's convolutional pyramids."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo.game import Batch, Terms
from ganzoo.games import TwoPlayer
from ganzoo.networks import ConvDiscriminator, ConvEncoder, ConvGenerator, fully_connected, normal_init, pyramid
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import BiGANRecipe


class BiGAN(TwoPlayer):
    """The player g is a generator with an encoder; D is shown pairs of an image and a latent."""

    def shown(self, x: Any, batch: Batch) -> Any:
        """(x, E(x)) of real images, (G(z), z) of generated ones."""
        return (x, self.encode(x)) if x is batch["x"] else (x, batch["z"])

    def generator_loss(self, batch: Batch) -> Terms:
        """D's loss with its labels swapped, for the generator and the encoder alike (section 3.4)."""
        fakes = self.fakes(batch)
        real, fake = self.look_at_both(self.shown(batch["x"], batch), (fakes, batch["z"]), None, None)
        return {"loss": self.loss.discriminator(self.logits(fake), self.logits(real))}

    def encode(self, x: Tensor) -> Tensor:
        z: Tensor = self.generator.encoder(x)  # type: ignore[operator]
        return z

    def anomaly_scores(self, x: Tensor) -> Tensor:
        """How badly images are reconstructed: in pixels, and in D's features of the pair.

        Zenati et al. 2018, https://arxiv.org/abs/1802.06222, section 3, with means in place of sums.
        """
        z = self.encode(x)
        made = self.generate(z)
        features: Any = self.discriminator
        difference = features.features(x, z) - features.features(made, z)
        weight = self.recipe.feature_weight
        return (1 - weight) * (made - x).abs().flatten(1).mean(1) + weight * difference.abs().mean(1)


class GeneratorWithEncoder(nn.Module):
    """`z [N, latent]` to images `[N, C, H, W]`; `encoder` is the way back."""

    def __init__(self, recipe: BiGANRecipe, data: DataSpec) -> None:
        super().__init__()
        self.decoder = ConvGenerator(recipe.latent, data.shape, recipe.width, hidden=recipe.g_hidden)
        self.encoder = ConvEncoder(data.shape, recipe.latent, recipe.width, hidden=recipe.g_hidden[::-1])

    def forward(self, z: Tensor) -> Tensor:
        image: Tensor = self.decoder(z)
        return image


class PairDiscriminator(nn.Module):
    """Pairs of images `[N, C, H, W]` and latents `[N, latent]` to logits `[N]`: convolutions, then z is appended."""

    def __init__(self, recipe: BiGANRecipe, data: DataSpec) -> None:
        super().__init__()
        self.image = ConvDiscriminator(data.shape, recipe.width, norm="none").body
        levels, base = pyramid((data.shape[1], data.shape[2]))
        channels = recipe.width * min(8, 2 ** (levels - 1))
        activation = nn.LeakyReLU(0.2)
        self.latent = nn.Sequential(*fully_connected([recipe.latent, recipe.z_hidden], "none", activation))
        sizes = [channels * math.prod(base) + recipe.z_hidden, *recipe.d_hidden]
        self.both = nn.Sequential(*fully_connected(sizes, "none", activation))
        self.head = nn.Linear(sizes[-1], 1)

    def features(self, x: Tensor, z: Tensor) -> Tensor:
        """What the last layer sees: `[N, units]`."""
        both: Tensor = self.both(torch.cat([self.image(x).flatten(1), self.latent(z)], 1))
        return both

    def forward(self, pair: tuple[Tensor, Tensor]) -> Tensor:
        logits: Tensor = self.head(self.features(*pair))
        return logits[:, 0]


def networks(recipe: BiGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """The generator with its encoder, and the discriminator of pairs."""
    pair = GeneratorWithEncoder(recipe, data), PairDiscriminator(recipe, data)
    for network in pair:
        normal_init(network)
    return pair
