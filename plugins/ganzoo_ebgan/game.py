"""EBGAN's game, and its networks: DCGAN's generator, and a convolutional autoencoder as the discriminator."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.nn.functional import normalize, relu

from ganzoo.game import Batch, Terms
from ganzoo.games import TwoPlayer
from ganzoo.networks import (
    AutoencodingDiscriminator,
    ConvGenerator,
    channel_ladder,
    doubling,
    normal_init,
    normalisation,
    pyramid,
)
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import EBGANRecipe


class EBGAN(TwoPlayer):
    """D returns energies `[N]` and codes `[N, ...]`."""

    def logits(self, output: Any) -> Any:
        return -output[0]

    def d_terms(self, batch: Batch, real: Any, fake: Any) -> Terms:
        """D(x) + [m - D(G(z))]^+ (equation 1)."""
        (of_real, _), (of_fake, _) = real, fake
        loss = of_real.mean() + relu(self.recipe.margin - of_fake).mean()
        return {"loss": loss, "real": of_real.detach().mean(), "fake": of_fake.detach().mean()}

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        """D(G(z)) (equation 2), and the pulling-away term of its codes."""
        energies, codes = fake
        terms = {"loss": energies.mean()}
        if self.recipe.pulling_away:
            terms["pulling_away"] = self.recipe.pulling_away * pulling_away(codes)
        return terms


def pulling_away(codes: Tensor) -> Tensor:
    """The mean squared cosine between the codes `[N, ...]` of different samples (section 2.4); 0 for a single one."""
    directions = normalize(codes.flatten(1), dim=1)
    squares = (directions @ directions.t()).square()
    count = len(codes)
    return (squares.sum() - squares.diagonal().sum()) / max(count * (count - 1), 1)


def networks(recipe: EBGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """The generator and the autoencoder."""
    g = ConvGenerator(recipe.latent, data.shape, recipe.width, hidden=recipe.g_hidden)
    d = AutoencodingDiscriminator(*autoencoder(data.shape, recipe.d_width), recipe.energy)
    normal_init(g)
    normal_init(d)
    return g, d


def autoencoder(shape: tuple[int, ...], width: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Strided 4x4 convolutions from `[N, *shape]` to feature maps, and their mirror image.

    The image is halved as often as `pyramid` says, but at most three times, as in the paper. Batch normalisation
    is in all layers but the encoder's first and the decoder's last.
    """
    levels, _ = pyramid((shape[1], shape[2]))
    sizes = channel_ladder(width, min(levels, 3))
    down: list[nn.Module] = [nn.Conv2d(shape[0], width, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
    for fan_in, fan_out in pairwise(sizes):
        down += [nn.Conv2d(fan_in, fan_out, 4, 2, 1, bias=False), *normalisation("batch", fan_out)]
        down.append(nn.LeakyReLU(0.2, inplace=True))
    up: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes[::-1]):
        up += [*doubling(fan_in, fan_out, 4, "transposed", False), *normalisation("batch", fan_out)]
        up.append(nn.LeakyReLU(0.2, inplace=True))
    return nn.Sequential(*down), nn.Sequential(*up, *doubling(width, shape[0], 4, "transposed", True))
