"""InfoGAN's game, and its networks from the core's convolutional pyramids."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganzoo.errors import GanzooError
from ganzoo.game import Batch, Terms, batch_size
from ganzoo.games import TwoPlayer
from ganzoo.networks import ConvDiscriminator, ConvGenerator, as_maps, doubling, normal_init
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import InfoGANRecipe


class InfoGAN(TwoPlayer):
    """D returns `[N, 1 + categories + continuous]`: a logit, and what Q reads: logits of the code, and means."""

    codes = True

    def fake_labels(self, batch: Batch) -> Tensor:
        """The categorical codes `[N]` of a batch's samples, drawn once for each update."""
        if "code" not in batch:
            batch["code"] = torch.randint(self.classes, (batch_size(batch),), device=self.device)
        return batch["code"]

    def logits(self, output: Any) -> Any:
        return output[:, 0]

    def information(self, batch: Batch, output: Tensor) -> Terms:
        """-L_I of equation 5 without the codes' constant entropy, from D's output for the batch's generated samples.

        Q is categorical for the code y, and for each continuous code c normal with a standard deviation of 1, so that
        -log Q(c | x) is half the squared error plus a constant.
        """
        _, read, means = output.split([1, self.classes, self.recipe.continuous], 1)
        terms = {"code": self.recipe.code_weight * cross_entropy(read, self.fake_labels(batch))}
        if self.recipe.continuous:
            error = 0.5 * (means - batch["z"][:, : self.recipe.continuous]).square().sum(1).mean()
            terms["continuous"] = self.recipe.continuous_weight * error
        return terms

    def d_terms(self, batch: Batch, real: Any, fake: Any) -> Terms:
        return super().d_terms(batch, real, fake) | self.information(batch, fake)

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        return super().g_terms(batch, fakes, fake, real) | self.information(batch, fake)


class SVHNGenerator(nn.Module):
    """`z [N, latent]` to images `[N, C, 16k, 16k]` in [-1, 1]: the paper's generator for SVHN (appendix C.2).

    A linear layer to 7 * width maps of k pixels (448 of 2 in the paper), then 4x4 transposed convolutions to 4, 2 and
    1 times the width and to the image. Only the first two layers have batch normalisation. Raises GanzooError for
    images whose sides are not multiples of 16.
    """

    def __init__(self, latent: int, shape: tuple[int, ...], width: int) -> None:
        super().__init__()
        channels, *sides = shape
        if any(side % 16 for side in sides):
            height, span = sides
            raise GanzooError(
                f"images of {height}x{span} cannot be halved evenly four times: use --set network=mnist, or "
                f"--set data.size={max(1, round(min(sides) / 16)) * 16}."
            )
        first, *others = (7 * width, 4 * width, 2 * width, width, channels)
        self.base = (first, *(side // 16 for side in sides))
        self.project = nn.Linear(latent, math.prod(self.base), bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(first), nn.ReLU(inplace=True)]
        for fan_in, fan_out in pairwise((first, *others)):
            normalised = fan_in == first
            layers += doubling(fan_in, fan_out, 4, "transposed", bias=not normalised)
            layers += [nn.BatchNorm2d(fan_out)] if normalised else []
            layers.append(nn.ReLU(inplace=True))
        self.body = nn.Sequential(*layers[:-1], nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        image: Tensor = self.body(as_maps(self.project(z), self.base))
        return image


class Generator(nn.Module):
    """`z [N, latent]` and codes `y [N]` to images `[N, C, H, W]`: the code's indicator is appended to z."""

    def __init__(self, recipe: InfoGANRecipe, data: DataSpec) -> None:
        super().__init__()
        self.categories = recipe.categories
        latent = recipe.latent + recipe.categories
        self.body = (
            SVHNGenerator(latent, data.shape, recipe.width)
            if recipe.network == "svhn"
            else ConvGenerator(latent, data.shape, recipe.width, hidden=recipe.g_hidden)
        )

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        # Not by `one_hot`, which reads the largest code on the host.
        indicator = (y[:, None] == torch.arange(self.categories, device=y.device)).to(z.dtype)
        image: Tensor = self.body(torch.cat([z, indicator], 1))
        return image


class Discriminator(nn.Module):
    """Images `[N, C, H, W]` to `[N, 1 + outputs]`: D's logit, and Q, which has a hidden layer of its own.

    The linear layer of D's head and the first one of Q's are parts of one, as both follow the same features.
    """

    def __init__(self, recipe: InfoGANRecipe, data: DataSpec) -> None:
        super().__init__()
        width, outputs = recipe.q_hidden, recipe.categories + recipe.continuous
        self.body = ConvDiscriminator(data.shape, recipe.width, hidden=recipe.d_hidden, classes=width)
        self.q = nn.Sequential(nn.BatchNorm1d(width), nn.LeakyReLU(0.2), nn.Linear(width, outputs))

    def forward(self, x: Tensor) -> Tensor:
        logit, features = self.body(x).tensor_split([1], 1)
        return torch.cat([logit, self.q(features)], 1)


def networks(recipe: InfoGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """The generator, and the discriminator with Q. Raises GanzooError for more continuous codes than coordinates."""
    if recipe.continuous > recipe.latent:
        raise GanzooError(
            f"z has {recipe.latent} coordinates, fewer than the {recipe.continuous} continuous codes: "
            f"use --set latent={recipe.continuous} or more."
        )
    pair = Generator(recipe, data), Discriminator(recipe, data)
    for network in pair:
        normal_init(network)
    return pair
