"""The context encoder's game: a squared error in and around the hole, and a discriminator of the completed image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.game import Batch, Terms, batch_size
from ganzoo.games import SOURCE, TwoPlayer, require_pairs
from ganzoo.networks import PlainDiscriminator
from ganzoo.recipes import DataSpec

from .networks import COLOURS, Generator, border, hole_of, pasted, repaired

if TYPE_CHECKING:
    from . import ContextEncoderRecipe


class ContextEncoder(TwoPlayer):
    """G completes images; D tells completed images from real ones (equations 1 to 3).

    If the data's holes are anywhere, each update of a player draws new ones.
    """

    inputs = (SOURCE,)
    scale = 1

    def fakes(self, batch: Batch) -> Any:
        return self.generator(batch[SOURCE])

    def shown(self, x: Any, batch: Batch) -> Any:
        return pasted(x, batch[SOURCE])

    def sample(
        self, n: int, y: Tensor | None = None, given: Batch | None = None, truncation: float | None = None
    ) -> Tensor:
        assert given is not None
        assert self.data is not None
        source = given[SOURCE]
        if tuple(source.shape[2:]) == self.data.shape[1:]:
            return pasted(self.generator(source), source)
        return torch.stack([repaired(self.generator, image, self.data.shape) for image in source])

    def discriminator_loss(self, batch: Batch) -> Terms:
        return super().discriminator_loss(self._with_new_holes(batch))

    def generator_loss(self, batch: Batch) -> Terms:
        return super().generator_loss(self._with_new_holes(batch))

    def lazy_penalty(self, name: str, batch: Batch) -> Terms:
        return super().lazy_penalty(name, self._with_new_holes(batch))

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        terms = super().g_terms(batch, fakes, fake, real)
        weighted = {name: self.recipe.adversarial_weight * term for name, term in terms.items()}
        return weighted | {"content": self.recipe.content_weight * self.content(fakes, batch)}

    def content(self, fakes: Tensor, batch: Batch) -> Tensor:
        """The mean squared error of the hole's pixels, and of those around it, which count more."""
        hole = hole_of(batch[SOURCE])
        weights = hole
        if self.recipe.border:
            weights = hole + self.recipe.border_weight * border(hole, self.recipe.border)
        error = (fakes - batch["x"]).square().mean(1, keepdim=True)
        return (weights * error).sum() / weights.sum()

    def _with_new_holes(self, batch: Batch) -> Batch:
        assert self.data is not None
        if self.data.inputs[SOURCE].note.get("holes") == "random":
            x = batch["x"]
            hole = random_holes(batch_size(batch), x.shape[2], x.shape[3], x.device)
            colours = x.expand(-1, COLOURS, -1, -1) if x.shape[1] == 1 else x
            batch[SOURCE] = torch.cat([colours, 1 - 2 * hole.to(x.dtype)], 1)
        return batch


def random_holes(n: int, height: int, width: int, device: torch.device) -> Tensor:
    """1 inside a random rectangle of a quarter to half of the sides, else 0: `[n, 1, height, width]`."""
    inside = []
    for side in (height, width):
        length, place = torch.rand(2, n, 1, device=device)
        length = torch.floor(side // 4 + length * (side // 2 - side // 4 + 1))
        start = torch.floor(place * (side - length + 1))
        at = torch.arange(side, device=device)
        inside.append((at >= start) & (at < start + length))
    return (inside[0][:, :, None] & inside[1][:, None, :])[:, None].float()


def networks(recipe: ContextEncoderRecipe, data: DataSpec) -> tuple[Generator, PlainDiscriminator]:
    """G and D. Raises GanzooError for unpaired data, and for inputs that are not the images in RGBA."""
    source = data.inputs[SOURCE]
    require_pairs("context-encoder", data)
    if source.modality != data.modality or source.shape != (COLOURS + 1, *data.shape[1:]):
        raise GanzooError(
            f"context-encoder fills transparent holes of images, and {data.name} has no input {SOURCE} in RGBA of the "
            "size of its images: choose --dataset holes."
        )
    if data.shape[0] not in (1, COLOURS):
        raise GanzooError(f"context-encoder fills grey and RGB images, and {data.name} has {data.shape[0]} channels.")
    return Generator(data.shape, recipe.bottleneck, recipe.width), PlainDiscriminator(
        data.shape, recipe.d_width, norm="batch"
    )
