"""The packed discriminator (Lin et al. 2018, section 2), and the networks that it is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.networks import ConvDiscriminator, ConvGenerator, MLPDiscriminator, MLPGenerator, normal_init
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import PacGANRecipe


class Packed(nn.Module):
    """`x [N, C, ...]` to logits `[N / pack]`: consecutive samples are concatenated along the first axis of a sample.

    body: the discriminator of packs, `[N / pack, pack * C, ...]` to logits. Raises GanzooError if N is no multiple.
    """

    def __init__(self, body: nn.Module, pack: int) -> None:
        super().__init__()
        self.body, self.pack = body, pack

    def forward(self, x: Tensor) -> Tensor:
        if len(x) % self.pack:
            raise GanzooError(
                f"{len(x)} samples cannot be split into packs of {self.pack}: use --set batch={16 * self.pack}, say."
            )
        logits: Tensor = self.body(x.reshape(len(x) // self.pack, self.pack * x.shape[1], *x.shape[2:]))
        return logits


def networks(recipe: PacGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """DCGAN's networks for images, perceptrons for all other data; the discriminator is packed."""
    pack, shape, image = recipe.pack, (recipe.pack * data.shape[0], *data.shape[1:]), len(data.shape) == 3
    for name, size in {"batch": recipe.batch, "g_batch": recipe.g_batch or recipe.batch}.items():
        # Batch normalisation, in the discriminator of images, needs two packs.
        if size // recipe.accumulate % pack or (image and size // recipe.accumulate < 2 * pack):
            wanted = max(2, size // recipe.accumulate // pack) * pack * recipe.accumulate
            raise GanzooError(
                f"a {name} of {size}, in {recipe.accumulate} parts, cannot be split into packs of {pack}: "
                f"use --set {name}={wanted}."
            )
    if not image:
        g = MLPGenerator(recipe.latent, recipe.g_hidden, data.shape, bounded=data.range is not None)
        return g, Packed(MLPDiscriminator(shape, recipe.d_hidden), pack)
    pair = (
        ConvGenerator(recipe.latent, data.shape, recipe.width, hidden=recipe.g_hidden),
        Packed(ConvDiscriminator(shape, recipe.width, hidden=recipe.d_hidden), pack),
    )
    for network in pair:
        normal_init(network)
    return pair
