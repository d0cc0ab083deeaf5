"""pix2pix's game, and its networks from the core: a U-Net and a discriminator of patches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from torch.nn.functional import l1_loss

from ganzoo.game import Batch, Terms
from ganzoo.games import PairedTranslator, patch_layers, require_pairs, source_of
from ganzoo.networks import PatchDiscriminator, UNet
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import Pix2PixRecipe


class Pix2Pix(PairedTranslator):
    """G's loss has the L1 distance from the target too (equations 3 and 4)."""

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        distance = self.recipe.l1_weight * l1_loss(fakes, batch["x"])
        return super().g_terms(batch, fakes, fake, real) | {"l1": distance}


def networks(recipe: Pix2PixRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """The U-Net, and D of input and image. Raises GanzooError for unpaired data, and for sizes that do not fit."""
    source = source_of("pix2pix", data)
    require_pairs("pix2pix", data)
    g = UNet(source.shape[0], data.shape, recipe.width, downs=recipe.downs, norm=recipe.norm, dropout=recipe.dropout)
    shape = (source.shape[0] + data.shape[0], *data.shape[1:])
    layers = recipe.d_layers or patch_layers(shape)
    return g, PatchDiscriminator(shape, recipe.d_width, layers=layers, norm=recipe.d_norm)
