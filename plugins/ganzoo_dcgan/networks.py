"""DCGAN's networks, from the core's convolutional pyramids, with the paper's initial weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from ganzoo.networks import ConvDiscriminator, ConvGenerator, normal_init
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import DCGANRecipe


def generator(recipe: DCGANRecipe, data: DataSpec) -> nn.Module:
    """`z [N, latent]` to images `[N, C, H, W]` in [-1, 1]."""
    network = ConvGenerator(
        recipe.latent,
        data.shape,
        recipe.width,
        kernel=recipe.kernel,
        norm=recipe.g_norm,
        up=recipe.up,
        hidden=recipe.g_hidden,
    )
    normal_init(network)
    return network


def discriminator(recipe: DCGANRecipe, data: DataSpec) -> nn.Module:
    """Images `[N, C, H, W]` to logits `[N]`."""
    width = recipe.d_width or recipe.width
    network = ConvDiscriminator(data.shape, width, kernel=recipe.kernel, norm=recipe.d_norm, hidden=recipe.d_hidden)
    normal_init(network)
    return network
