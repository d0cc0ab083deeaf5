"""DRAGAN's networks, from the core: no discriminator has batch normalisation, which a penalty per sample rules out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from ganzoo.networks import ConvDiscriminator, ConvGenerator, ResidualDiscriminator, ResidualGenerator, normal_init
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import DRAGANRecipe


def networks(recipe: DRAGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """`z [N, latent]` to images `[N, C, H, W]` in [-1, 1], and images to logits `[N]`."""
    latent, shape, width, d_width = recipe.latent, data.shape, recipe.width, recipe.d_width
    if recipe.network == "residual":
        return ResidualGenerator(latent, shape, width), ResidualDiscriminator(shape, d_width)
    pair = (
        ConvGenerator(latent, shape, width, hidden=recipe.g_hidden),
        ConvDiscriminator(shape, d_width, norm="layer", hidden=recipe.d_hidden),
    )
    for network in pair:
        normal_init(network)
    return pair
