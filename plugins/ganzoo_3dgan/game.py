"""3D-GAN's game: DCGAN's on volumes, with a discriminator that pauses while it is ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.game import Batch, Phase, Terms
from ganzoo.games import TwoPlayer
from ganzoo.networks import VolumeDiscriminator, VolumeGenerator
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import VolumeRecipe


class VolumeGAN(TwoPlayer):
    """D has no gradient in an update after one in which more than `max_accuracy` of its judgements were right."""

    accuracy: Tensor

    def setup(self, recipe: VolumeRecipe, data: DataSpec) -> None:
        self.register_buffer("accuracy", torch.zeros(()))

    def d_terms(self, batch: Batch, real: Any, fake: Any) -> Terms:
        terms = super().d_terms(batch, real, fake)
        loss, right = terms["loss"], torch.cat([real.detach() > 0, fake.detach() <= 0]).float().mean()
        learns = (self.accuracy <= self.recipe.max_accuracy).to(loss.dtype)
        # The value of the loss is logged in any case; only its gradient is held back.
        return terms | {"loss": learns * loss + (1 - learns) * loss.detach(), "accuracy": right}

    def after_update(self, phase: Phase, terms: Terms) -> None:
        super().after_update(phase, terms)
        if "accuracy" in terms:
            self.accuracy.copy_(terms["accuracy"])


def networks(recipe: VolumeRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator. Raises GanzooError for data that are not volumes of one channel."""
    if len(data.shape) != 4 or data.shape[0] != 1:
        shown = "x".join(str(side) for side in data.shape)
        raise GanzooError(f"3dgan needs shapes of 1xDxHxW voxels, and {data.name} has {shown}.")
    return (
        VolumeGenerator(recipe.latent, data.shape, recipe.width),
        VolumeDiscriminator(data.shape, recipe.width, norm=recipe.d_norm),
    )
