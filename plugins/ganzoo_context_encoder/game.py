"""The context encoder's game and network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from ganzoo.game import Batch, Terms
from ganzoo.games import SOURCE, TwoPlayer, require_pairs, source_of
from ganzoo.networks import ConvEncoder, ConvGenerator, PlainDiscriminator
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import ContextEncoderRecipe


class ContextEncoder(TwoPlayer):
    """G's loss is the squared error of its image, and what D says of it, with the original around the hole."""

    inputs = (SOURCE,)

    def fakes(self, batch: Batch) -> Any:
        return self.generator(batch[SOURCE])

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        terms = super().g_terms(batch, fakes, fake, real)
        weighted = {name: self.recipe.adversarial_weight * term for name, term in terms.items()}
        return weighted | {"content": self.recipe.content_weight * mse_loss(fakes, batch["x"])}


class Generator(nn.Module):
    """Images with a hole `[N, C, H, W]` to the same with its middle half replaced, in [-1, 1]."""

    inside: Tensor

    def __init__(self, recipe: ContextEncoderRecipe, data: DataSpec) -> None:
        super().__init__()
        source = data.inputs[SOURCE]
        height, width = data.shape[1:]
        self.encoder = ConvEncoder(source.shape, recipe.bottleneck, recipe.width)
        self.decoder = ConvGenerator(recipe.bottleneck, data.shape, recipe.width)
        inside = torch.zeros(height, width, dtype=torch.bool)
        inside[height // 4 : height - height // 4, width // 4 : width - width // 4] = True
        self.register_buffer("inside", inside, persistent=False)

    def forward(self, source: Tensor) -> Tensor:
        return torch.where(self.inside, self.decoder(self.encoder(source)), source)


def networks(recipe: ContextEncoderRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """G and D. Raises GanzooError for unpaired data, and for inputs of another size."""
    source_of("context-encoder", data)
    require_pairs("context-encoder", data)
    return Generator(recipe, data), PlainDiscriminator(data.shape, recipe.d_width, norm="batch")
