"""Any generator and discriminator made conditional: the label's embedding joins their input."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganzoo.networks import ConvDiscriminator, ConvGenerator, MLPDiscriminator, MLPGenerator, normal_init
from ganzoo.specs import DataSpec

if TYPE_CHECKING:
    from . import ConditionalRecipe


def networks(recipe: ConditionalRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """Generator (z `[N, latent]`, y `[N]`) to `x [N, *shape]`, and discriminator (x, y) to logits `[N]`."""
    latent = recipe.latent + recipe.embedding
    if recipe.network == "conv" and len(data.shape) == 3:
        channels, height, width = data.shape
        generator = ConvGenerator(latent, data.shape, recipe.width)
        discriminator = ConvDiscriminator((channels + 1, height, width), recipe.width)
        normal_init(generator)
        normal_init(discriminator)
        plane: tuple[int, ...] = (1, height, width)
        return ConditionalGenerator(generator, data.classes, recipe.embedding), ConditionalDiscriminator(
            discriminator, data.classes, plane
        )
    g = MLPGenerator(latent, recipe.g_hidden, data.shape, bounded=data.range is not None)
    d = MLPDiscriminator((math.prod(data.shape) + recipe.embedding,), recipe.d_hidden)
    return ConditionalGenerator(g, data.classes, recipe.embedding), ConditionalDiscriminator(
        d, data.classes, (recipe.embedding,)
    )


class ConditionalGenerator(nn.Module):
    """The label's embedding beside the latent: `[N, latent]` and `[N]` to `[N, *shape]`."""

    def __init__(self, body: nn.Module, classes: int, embedding: int) -> None:
        super().__init__()
        self.body, self.embed = body, nn.Embedding(classes, embedding)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        sample: Tensor = self.body(torch.cat([z, self.embed(y)], 1))
        return sample


class ConditionalDiscriminator(nn.Module):
    """The label's embedding beside the sample: as one more channel of an image, or as more coordinates of a vector."""

    def __init__(self, body: nn.Module, classes: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.body, self.shape = body, shape
        self.embed = nn.Embedding(classes, math.prod(shape))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        if len(self.shape) == 1:
            x = x.flatten(1)
        logits: Tensor = self.body(torch.cat([x, self.embed(y).unflatten(1, self.shape)], 1))
        return logits
