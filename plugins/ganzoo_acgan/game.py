"""AC-GAN's game, and its networks, from the core's convolutional and residual ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganzoo.game import Batch, Terms
from ganzoo.games import TwoPlayer
from ganzoo.networks import (
    ConvDiscriminator,
    ConvGenerator,
    ResidualDiscriminator,
    ResidualGenerator,
    normal_init,
    xavier_init,
)
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import ACGANRecipe


class ACGAN(TwoPlayer):
    """D returns `[N, 1 + classes]`: the logit of a real sample, then one per class. It is not told the class."""

    def logits(self, output: Any) -> Any:
        return output[:, 0]

    def class_loss(self, output: Tensor, y: Tensor) -> Tensor:
        """L_C of section 3, negated: the cross-entropy of the classes that D names."""
        return self.recipe.class_weight * cross_entropy(output[:, 1:], y)

    def d_terms(self, batch: Batch, real: Any, fake: Any) -> Terms:
        loss = self.class_loss(real, batch["y"]) + self.class_loss(fake, batch["y"])
        return super().d_terms(batch, real, fake) | {"class": loss}

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        return super().g_terms(batch, fakes, fake, real) | {"class": self.class_loss(fake, batch["y"])}


class Generator(nn.Module):
    """`z [N, latent]` and classes `y [N]` to images `[N, C, H, W]`: the label's embedding is appended to z."""

    def __init__(self, recipe: ACGANRecipe, data: DataSpec) -> None:
        super().__init__()
        self.embed = nn.Embedding(data.classes, recipe.embedding)
        self.body = ConvGenerator(recipe.latent + recipe.embedding, data.shape, recipe.width, hidden=recipe.g_hidden)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        image: Tensor = self.body(torch.cat([z, self.embed(y)], 1))
        return image


class ResidualClassifier(ResidualDiscriminator):
    """Images `[N, C, S, S]` to `[N, 1 + classes]`: a logit, then one per class, from the same pooled features.

    As in StudioGAN (https://github.com/POSTECH-CVLab/PyTorch-StudioGAN, `src/models/resnet.py`): batch normalisation,
    and no bias for the classes.
    """

    def __init__(self, shape: tuple[int, ...], width: int, classes: int) -> None:
        super().__init__(shape, width, norm="batch")
        self.classify = nn.Linear(self.head.in_features, classes, bias=False)
        xavier_init(self.classify)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        pooled = self.features(x)
        return torch.cat([self.head(pooled), self.classify(pooled)], 1)


def networks(recipe: ACGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """The generator, and the discriminator that returns a logit and those of the classes."""
    width = recipe.d_width or recipe.width
    if recipe.network == "residual":
        residual = ResidualGenerator(recipe.latent, data.shape, recipe.width, classes=data.classes)
        return residual, ResidualClassifier(data.shape, width, data.classes)
    g = Generator(recipe, data)
    d = ConvDiscriminator(data.shape, width, hidden=recipe.d_hidden, classes=data.classes)
    normal_init(g)
    normal_init(d)
    return g, d
