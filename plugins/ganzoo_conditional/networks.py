"""Any generator and discriminator made conditional: the label's embedding is appended to their input."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganzoo.networks import ConvDiscriminator, ConvGenerator, MLPDiscriminator, MLPGenerator, normal_init
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import ConditionalRecipe


def networks(recipe: ConditionalRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """Generator (z `[N, latent]`, y `[N]`) to `x [N, *shape]`, and discriminator (x, y) to logits `[N]`."""
    latent, shape = recipe.latent + recipe.embedding, data.shape
    g: nn.Module
    d: nn.Module
    conv = recipe.network == "conv" and len(shape) == 3
    if conv:
        g = ConvGenerator(latent, shape, recipe.width)
        d = ConvDiscriminator((shape[0] + recipe.embedding, *shape[1:]), recipe.d_width or recipe.width)
        normal_init(g)
        normal_init(d)
    else:
        g = MLPGenerator(latent, recipe.g_hidden, shape, bounded=data.range is not None)
        d = MLPDiscriminator((math.prod(shape) + recipe.embedding,), recipe.d_hidden)
    size = (data.classes, recipe.embedding)
    return Conditional(g, *size), Conditional(d, *size, flatten=not conv)


class Conditional(nn.Module):
    """A network with the label's embedding appended to its input: x `[N, C, ...]` and y `[N]` to the body's output.

    A vector (a latent, a point, an image that is flattened first) gets the embedding as more coordinates; an image gets
    it as more channels, each constant over the pixels.
    """

    def __init__(self, body: nn.Module, classes: int, embedding: int, *, flatten: bool = False) -> None:
        super().__init__()
        self.body, self.embed, self.flatten = body, nn.Embedding(classes, embedding), flatten

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x = x.flatten(1) if self.flatten else x
        label = self.embed(y).reshape(x.shape[0], -1, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
        output: Tensor = self.body(torch.cat([x, label], 1))
        return output
