"""SpecGAN's networks: the core's convolutional ones on spectrograms, with classes if the data have labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganzoo.networks import ConvDiscriminator, ConvGenerator
from ganzoo.recipes import DataSpec

from .spectra import spectrogram_size

if TYPE_CHECKING:
    from . import SpecGANRecipe


class Generator(nn.Module):
    """`z [N, latent]` and classes `y [N]` to spectrograms `[N, C, F, T]`: the label's embedding is appended to z."""

    def __init__(self, recipe: SpecGANRecipe, data: DataSpec, shape: tuple[int, int, int]) -> None:
        super().__init__()
        labels = recipe.embedding if data.classes else 0
        self.embed = nn.Embedding(data.classes, labels) if labels else None
        self.body = ConvGenerator(
            recipe.latent + labels,
            shape,
            recipe.width,
            kernel=recipe.kernel,
            norm=recipe.g_norm,
            most=recipe.widest,
        )

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        if self.embed is not None:
            z = torch.cat([z, self.embed(y)], 1)
        spectrograms: Tensor = self.body(z)
        return spectrograms


class Discriminator(nn.Module):
    """Spectrograms `[N, C, F, T]` and classes `y [N]` to logits `[N]`.

    Each class has a linear output of its own, which is added: the inner product of Miyato & Koyama 2018,
    https://arxiv.org/abs/1802.05637.
    """

    def __init__(self, recipe: SpecGANRecipe, data: DataSpec, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.body = ConvDiscriminator(
            shape,
            recipe.width,
            kernel=recipe.kernel,
            norm="none",
            classes=data.classes,
            most=recipe.widest,
        )

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        logits: Tensor = self.body(x)
        return logits if y is None else logits[:, 0] + logits[:, 1:].gather(1, y[:, None])[:, 0]


def networks(recipe: SpecGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """The generator and the discriminator. Raises GanzooError for a hop or a window that spectrograms cannot have."""
    shape = (data.shape[0], *spectrogram_size(data.shape[1], recipe.window, recipe.hop))
    return Generator(recipe, data, shape), Discriminator(recipe, data, shape)
