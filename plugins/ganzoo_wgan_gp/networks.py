"""Generators and critics: perceptrons, DCGAN's pyramid without batch norm in the critic, residual networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu

from ganzoo.errors import GanzooError
from ganzoo.networks import (
    ConvDiscriminator,
    ConvGenerator,
    MLPDiscriminator,
    MLPGenerator,
    RowSoftmax,
    as_maps,
    normal_init,
    pyramid,
)
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import WGANRecipe


def networks(recipe: WGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """Generator `z [N, latent]` to `x [N, *shape]`, critic `x` to `[N]`; GanzooError if they cannot take the data."""
    image = len(data.shape) == 3
    kind = recipe.network if recipe.network != "auto" else "conv" if image else "mlp"
    width, d_width, latent = recipe.width, recipe.d_width or recipe.width, recipe.latent
    if kind == "mlp":
        generator: nn.Module = MLPGenerator(latent, [width] * recipe.depth, data.shape, bounded=data.range is not None)
        if "parts" in data.note:
            generator = nn.Sequential(generator, RowSoftmax(data))
        return generator, MLPDiscriminator(data.shape, [d_width] * recipe.depth)
    if not image:
        raise GanzooError(f"network={kind} needs images, and {data.name} is {data.modality} data: --set network=mlp.")
    if kind == "residual":
        return ResidualGenerator(latent, data.shape, width), ResidualCritic(data.shape, d_width)
    pair = (
        ConvGenerator(latent, data.shape, width, hidden=recipe.g_hidden),
        ConvDiscriminator(data.shape, d_width, norm="none", hidden=recipe.d_hidden),
    )
    for network in pair:
        normal_init(network)
    return pair


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut; feature maps keep, double (`scale` 2) or halve (0.5) their size.

    Gulrajani et al. 2017, appendix F: normalisation (in the generator only), ReLU, convolution, twice; upsampling
    comes before the first convolution, mean pooling after the second.
    """

    def __init__(self, fan_in: int, fan_out: int, *, scale: float = 1, norm: bool = False) -> None:
        super().__init__()
        self.scale = scale
        self.norm1 = nn.BatchNorm2d(fan_in) if norm else nn.Identity()
        self.norm2 = nn.BatchNorm2d(fan_out) if norm else nn.Identity()
        self.conv1 = nn.Conv2d(fan_in, fan_out, 3, padding=1)
        self.conv2 = nn.Conv2d(fan_out, fan_out, 3, padding=1)
        self.shortcut = nn.Conv2d(fan_in, fan_out, 1) if fan_in != fan_out or scale != 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        residual = self.conv1(self._enlarge(relu(self.norm1(x))))
        residual = self._shrink(self.conv2(relu(self.norm2(residual))))
        # A 1x1 convolution commutes with resampling; convolving the smaller map is cheaper.
        return residual + self._enlarge(self.shortcut(self._shrink(x)))

    def _enlarge(self, x: Tensor) -> Tensor:
        return interpolate(x, scale_factor=2.0) if self.scale == 2 else x

    def _shrink(self, x: Tensor) -> Tensor:
        return avg_pool2d(x, 2) if self.scale == 0.5 else x


class ResidualGenerator(nn.Module):
    """A projection, one upsampling block per level, normalisation, ReLU, convolution, tanh (appendix F, table 4)."""

    def __init__(self, latent: int, shape: tuple[int, ...], width: int) -> None:
        super().__init__()
        levels, base = pyramid((shape[1], shape[2]))
        self.base = (width, *base)
        self.project = nn.Linear(latent, width * base[0] * base[1])
        self.blocks = nn.Sequential(*[ResidualBlock(width, width, scale=2, norm=True) for _ in range(levels)])
        self.head = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, shape[0], 3, padding=1), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        image: Tensor = self.head(self.blocks(as_maps(self.project(z), self.base)))
        return image


class ResidualCritic(nn.Module):
    """Downsampling blocks to 8 pixels (at most two for 32), two more blocks, mean over pixels, linear (table 4)."""

    def __init__(self, shape: tuple[int, ...], width: int) -> None:
        super().__init__()
        levels, _ = pyramid((shape[1], shape[2]))
        self.first = nn.Conv2d(shape[0], width, 3, padding=1)
        halvings = [ResidualBlock(width, width, scale=0.5) for _ in range(max(1, levels - 1))]
        self.blocks = nn.Sequential(*halvings, ResidualBlock(width, width), ResidualBlock(width, width))
        self.head = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        features = relu(self.blocks(self.first(x))).mean((2, 3))
        logits: Tensor = self.head(features)
        return logits[:, 0]
