"""SNGAN's networks, from the core: the paper's two pairs, and DCGAN's without normalisation in the discriminator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from ganzoo import networks as core
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import SNGANRecipe


def networks(recipe: SNGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """`z [N, latent]` to images `[N, C, H, W]` in [-1, 1], and images to logits `[N]`."""
    latent, shape, width, d_width = recipe.latent, data.shape, recipe.width, recipe.d_width
    if recipe.network == "plain":
        return core.PlainGenerator(latent, shape, width), core.PlainDiscriminator(shape, d_width)
    if recipe.network == "residual":
        return core.ResidualGenerator(latent, shape, width), core.ResidualDiscriminator(shape, d_width)
    pair = (
        core.ConvGenerator(latent, shape, width, hidden=recipe.g_hidden),
        core.ConvDiscriminator(shape, d_width, norm="none", hidden=recipe.d_hidden),
    )
    for network in pair:
        core.normal_init(network)
    return pair
