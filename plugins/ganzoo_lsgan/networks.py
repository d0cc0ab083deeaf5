"""LSGAN's networks, from the core: those of Miyato et al. 2018, or DCGAN's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from ganzoo.networks import ConvDiscriminator, ConvGenerator, PlainDiscriminator, PlainGenerator, normal_init
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import LSGANRecipe


def networks(recipe: LSGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """`z [N, latent]` to images `[N, C, H, W]` in [-1, 1], and images to logits `[N]`."""
    latent, shape, width = recipe.latent, data.shape, recipe.width
    if recipe.network == "plain":
        return PlainGenerator(latent, shape, width), PlainDiscriminator(shape, width, norm="batch")
    pair = (
        ConvGenerator(latent, shape, width, hidden=recipe.g_hidden),
        ConvDiscriminator(shape, width, hidden=recipe.d_hidden),
    )
    for network in pair:
        normal_init(network)
    return pair
