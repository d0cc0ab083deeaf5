"""ReACGAN's game and loss, and its networks, from the core's residual ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.game import Batch, Terms
from ganzoo.games import TwoPlayer, add_spectral_norm
from ganzoo.networks import ResidualDiscriminator, ResidualGenerator, orthogonal_init
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import ReACGANRecipe


class ReACGAN(TwoPlayer):
    """D returns `([N], [N, embedding], [N, embedding])`: the logit, and sample and class as points on a sphere."""

    def logits(self, output: Any) -> Any:
        return output[0]

    def class_loss(self, output: Any, y: Tensor) -> Tensor:
        recipe = self.recipe
        _, samples, classes = output
        loss = data_to_data_cross_entropy(samples, classes, y, recipe.temperature, recipe.margin)
        return recipe.class_weight * loss

    def d_terms(self, batch: Batch, real: Any, fake: Any) -> Terms:
        # Of real samples only: D does not learn the classes of generated ones.
        return super().d_terms(batch, real, fake) | {"class": self.class_loss(real, batch["y"])}

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        return super().g_terms(batch, fakes, fake, real) | {"class": self.class_loss(fake, batch["y"])}


def data_to_data_cross_entropy(
    samples: Tensor, classes: Tensor, y: Tensor, temperature: float, margin: float
) -> Tensor:
    """Kang et al. 2021, equation 6: samples near their own classes, and away from samples of other classes.

    samples, classes: `[N, D]`, of length 1: the features of each sample and the embedding of its class. y: `[N]`.
    margin: the cosine from which a sample is close enough to its class; samples of different classes are far enough
    apart from a cosine of `1 - margin`. Neither has a gradient then.
    """
    near = ((samples * classes).sum(1) - margin).clamp(max=0) / temperature
    far = (samples @ samples.t() - (1 - margin)).clamp(min=0) / temperature
    others = y[:, None] != y[None, :]
    # Not by a mask as an index, whose size depends on the labels.
    negatives = torch.where(others, far, -torch.inf)
    return (torch.logsumexp(torch.cat([near[:, None], negatives], 1), 1) - near).mean()


class Discriminator(ResidualDiscriminator):
    """Images `[N, C, S, S]` and classes `y [N]` to a logit, the sample's features, and the embedding of its class.

    The latter two are of length 1. The logit does not depend on the class.
    """

    def __init__(self, recipe: ReACGANRecipe, data: DataSpec) -> None:
        super().__init__(data.shape, recipe.d_width, wide=True, attention=recipe.attention, init="orthogonal")
        self.features_head = nn.Linear(self.head.in_features, recipe.embedding)
        self.proxies = nn.Embedding(data.classes, recipe.embedding)
        orthogonal_init(self.features_head)
        orthogonal_init(self.proxies)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        pooled = self.features(x)
        samples, classes = functional.normalize(self.features_head(pooled)), functional.normalize(self.proxies(y))
        return self.head(pooled)[:, 0], samples, classes


def networks(recipe: ReACGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """The generator, that of BigGAN, and the discriminator; D is normalised by the game."""
    g = ResidualGenerator(
        recipe.latent,
        data.shape,
        recipe.width,
        classes=data.classes,
        shared=recipe.shared,
        split=True,
        attention=recipe.attention,
        init="orthogonal",
    )
    if recipe.spectral_norm:
        for part in (g.project, g.blocks, g.attention, g.output):
            if part is not None:
                add_spectral_norm(part)
    return g, Discriminator(recipe, data)
