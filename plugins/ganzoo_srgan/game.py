"""SRGAN's game: G learns from the content alone at first, then also from D."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from ganzoo.errors import GanzooError
from ganzoo.game import Batch, Phase, Terms
from ganzoo.games import SOURCE, TwoPlayer, require_pairs
from ganzoo.recipes import DataSpec

from .networks import Discriminator, Generator, enlarged

if TYPE_CHECKING:
    from . import SRGANRecipe

TILE = 128
"""Pixels on a side of the input from which it is enlarged in parts."""


class SRGAN(TwoPlayer):
    """G's loss is the squared error of its image, and from a step on what D says of it, without the input (section 2).

    While G learns from the content alone, D rests.
    """

    inputs = (SOURCE,)

    def setup(self, recipe: SRGANRecipe, data: DataSpec) -> None:
        self.scale = data.shape[1] // data.inputs[SOURCE].shape[1]

    def phases(self) -> list[Phase]:
        start = round(self.recipe.alone * self.recipe.steps)
        alone = [Phase("content", "g", self.content_loss, stop=start)] if start else []
        return [*alone, *(replace(phase, start=start) for phase in super().phases())]

    def fakes(self, batch: Batch) -> Any:
        return self.generator(batch[SOURCE])

    def sample(
        self, n: int, y: Tensor | None = None, given: Batch | None = None, truncation: float | None = None
    ) -> Tensor:
        generator: Any = self.generator
        assert given is not None, "the input has the image that is enlarged"
        source = given[SOURCE]
        made = enlarged(generator, source, TILE) if max(source.shape[2:]) > TILE else generator(source)
        return made.clamp(-1, 1)

    def content_loss(self, batch: Batch) -> Terms:
        """The term of G alone."""
        batch = self._cropped(batch)
        return {"content": self.content(self.fakes(batch), batch["x"])}

    def content(self, fakes: Tensor, x: Tensor) -> Tensor:
        """The weighted distance between images and their targets (equation 4)."""
        weighted: Tensor = self.recipe.content_weight * mse_loss(fakes, x)
        return weighted

    def discriminator_loss(self, batch: Batch) -> Terms:
        return super().discriminator_loss(self._cropped(batch))

    def generator_loss(self, batch: Batch) -> Terms:
        return super().generator_loss(self._cropped(batch))

    def lazy_penalty(self, name: str, batch: Batch) -> Terms:
        return super().lazy_penalty(name, self._cropped(batch))

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        terms = super().g_terms(batch, fakes, fake, real)
        weighted = {name: self.recipe.adversarial_weight * term for name, term in terms.items()}
        return weighted | {"content": self.content(fakes, batch["x"])}

    def _cropped(self, batch: Batch) -> Batch:
        crop = self.recipe.crop
        if crop:
            batch["x"], batch[SOURCE] = crops(batch["x"], batch[SOURCE], crop, self.scale)
        return batch


def crops(x: Tensor, source: Tensor, side: int, factor: int) -> tuple[Tensor, Tensor]:
    """A square of `side` pixels at random of each image `[N, C, H, W]`, and of the smaller images at the same place."""
    n, _, height, width = source.shape
    small = side // factor
    top = torch.randint(height - small + 1, (n, 1), device=x.device)
    left = torch.randint(width - small + 1, (n, 1), device=x.device)
    of_source = _at(source, top, left, small)
    return _at(x, top * factor, left * factor, side), of_source


def _at(images: Tensor, top: Tensor, left: Tensor, side: int) -> Tensor:
    n, channels, _, width = images.shape
    pixels = torch.arange(side, device=images.device)
    rows = (top + pixels)[:, None, :, None].expand(n, channels, side, width)
    columns = (left + pixels)[:, None, None, :].expand(n, channels, side, side)
    return images.gather(2, rows).gather(3, columns)


def networks(recipe: SRGANRecipe, data: DataSpec) -> tuple[Generator, Discriminator]:
    """G and D. Raises GanzooError for data whose input is not the image with sides 2, 4, 8, ... times shorter."""
    source = data.inputs[SOURCE]
    require_pairs("srgan", data)
    ratios = [large / small for large, small in zip(data.shape[1:], source.shape[1:], strict=False)]
    if source.modality != data.modality or len(set(ratios)) != 1 or ratios[0] not in (2.0, 4.0, 8.0, 16.0):
        raise GanzooError(
            f"srgan enlarges images 2, 4, 8 or 16 times, and {data.name} has no input {SOURCE} that is so much smaller "
            "than its images: choose --dataset lowres."
        )
    factor, crop = int(ratios[0]), recipe.crop
    if crop and (crop % factor or crop > min(data.shape[1:])):
        raise GanzooError(
            f"crops of {crop} pixels do not fit images of {data.shape[1]}x{data.shape[2]} that are enlarged {factor} "
            f"times: set crop to a multiple of {factor} of at most {min(data.shape[1:])}."
        )
    g = Generator(
        source.shape[0], data.shape[0], recipe.width, recipe.blocks, factor.bit_length() - 1, skip=recipe.skip
    )
    seen = (data.shape[0], crop, crop) if crop else data.shape
    return g, Discriminator(seen, recipe.d_width)
