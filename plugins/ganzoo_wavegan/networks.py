"""WaveGAN's networks from the core's one-dimensional convolutions, with classes if the data have labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad

from ganzoo.networks import SignalDiscriminator, SignalGenerator
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import WaveGANRecipe


TAPS = 64
"""Samples after which the generator's last filter ends: with an emphasis of 0.9, at 0.1 % of its first value."""


class Generator(nn.Module):
    """`z [N, latent]` and classes `y [N]` to sounds `[N, C, T]`: the label's embedding is appended to z.

    What the convolutions make is encoded as the critic sees sounds, and decoded at the end.
    """

    decaying: Tensor

    def __init__(self, recipe: WaveGANRecipe, data: DataSpec) -> None:
        super().__init__()
        labels = recipe.embedding if data.classes else 0
        self.embed = nn.Embedding(data.classes, labels) if labels else None
        self.body = SignalGenerator(
            recipe.latent + labels,
            data.shape,
            recipe.width,
            kernel=recipe.kernel,
            stride=recipe.stride,
            norm=recipe.g_norm,
        )
        self.emphasis, self.companding = recipe.emphasis, recipe.companding
        decaying = recipe.emphasis ** torch.arange(TAPS - 1, -1, -1.0)
        self.register_buffer("decaying", decaying.expand(data.shape[0], 1, TAPS).clone(), persistent=False)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        if self.embed is not None:
            z = torch.cat([z, self.embed(y)], 1)
        sound = expanded(self.body(z), self.companding)
        if not self.emphasis:
            return sound
        raised = pad(sound * (1 + self.emphasis), (TAPS - 1, 0))
        return conv1d(raised, self.decaying, groups=sound.shape[1]).clamp(-1, 1)


def encoded(x: Tensor, emphasis: float, mu: float) -> Tensor:
    """Sounds as the critic sees them, in -1..1 too: high frequencies raised, and then quiet samples."""
    if emphasis:
        x = (x - emphasis * pad(x, (1, 0))[..., :-1]) / (1 + emphasis)
    return compressed(x, mu)


def compressed(x: Tensor, mu: float) -> Tensor:
    """The mu-law (ITU-T G.711 with mu = 255): values in -1..1 to -1..1, quiet ones raised; 0 changes nothing."""
    return x.sign() * torch.log1p(mu * x.abs()) / math.log1p(mu) if mu else x


def expanded(x: Tensor, mu: float) -> Tensor:
    """The inverse of `compressed`."""
    return x.sign() * torch.expm1(x.abs() * math.log1p(mu)) / mu if mu else x


class Critic(nn.Module):
    """Sounds `[N, C, T]` and classes `y [N]` to values `[N]`: the class is an inner product with the last features."""

    def __init__(self, recipe: WaveGANRecipe, data: DataSpec) -> None:
        super().__init__()
        self.body = SignalDiscriminator(
            data.shape,
            recipe.d_width or recipe.width,
            kernel=recipe.kernel,
            stride=recipe.stride,
            shuffle=recipe.shuffle,
        )
        self.embed = nn.Embedding(data.classes, self.body.width) if data.classes else None
        if self.embed is not None:
            nn.init.normal_(self.embed.weight, 0.0, self.body.width**-0.5)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        features = self.body.features(x)
        value: Tensor = self.body.head(features)[:, 0]
        if self.embed is not None:
            value = value + (self.embed(y) * features).sum(1)
        return value


def networks(recipe: WaveGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """The generator and the critic. Raises GanzooError for a length that the stride does not divide evenly."""
    generator, critic = Generator(recipe, data), Critic(recipe, data)
    if recipe.init == "he":
        he_init(critic.body.body)
    return generator, critic


def he_init(network: nn.Module) -> None:
    """Normal weights of convolutions that keep the scale of what passes through them and ReLUs (He et al. 2015)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv1d):
            nn.init.normal_(layer.weight, 0.0, (2 / (layer.in_channels * layer.kernel_size[0])) ** 0.5)
