"""SRGAN's game: pixels first, then pixels and D; and its generator, SRResNet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.nn.functional import mse_loss

from ganzoo.errors import GanzooError
from ganzoo.game import Batch, Progress, Terms
from ganzoo.games import SOURCE, TwoPlayer, require_pairs
from ganzoo.networks import PlainDiscriminator
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import SRGANRecipe


class SRGAN(TwoPlayer):
    """G learns from pixels alone, then also from D, which sees images without the input (section 2)."""

    inputs = (SOURCE,)
    judged = True

    def on_step(self, progress: Progress) -> None:
        self.judged = progress.share >= self.recipe.alone

    def fakes(self, batch: Batch) -> Any:
        return self.generator(batch[SOURCE])

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        content = {"content": self.recipe.content_weight * mse_loss(fakes, batch["x"])}
        if not self.judged:
            return content
        terms = super().g_terms(batch, fakes, fake, real)
        return {name: self.recipe.adversarial_weight * term for name, term in terms.items()} | content


class Block(nn.Module):
    """`[N, width, H, W]` to the same: two 3x3 convolutions with batch normalisation, a PReLU between, and the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.PReLU()]
        self.body = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y


class Generator(nn.Module):
    """Images `[N, C, h, w]` to images `[N, C, H, W]` in [-1, 1] with sides 2, 4, ... times longer.

    Figure 4: a 9x9 convolution and PReLU, residual blocks, a 3x3 convolution with batch normalisation and what came
    before the blocks, then for each doubling a convolution to four times the channels, shuffled into pixels, and PReLU,
    and a 9x9 convolution; tanh keeps the range.
    """

    def __init__(self, inputs: int, shape: tuple[int, ...], width: int, blocks: int, doublings: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(inputs, width, 9, padding=4), nn.PReLU())
        end = [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
        self.body = nn.Sequential(*(Block(width) for _ in range(blocks)), *end)
        up: list[nn.Module] = []
        for _ in range(doublings):
            up += [nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()]
        self.up = nn.Sequential(*up, nn.Conv2d(width, shape[0], 9, padding=4), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        image: Tensor = self.up(x + self.body(x))
        return image


def networks(recipe: SRGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """G and D. Raises GanzooError for data whose input is not the image with sides 2, 4, 8, ... times shorter."""
    source = data.inputs[SOURCE]
    require_pairs("srgan", data)
    factors = {large / small for large, small in zip(data.shape[1:], source.shape[1:], strict=True)}
    factor = factors.pop()
    if source.modality != data.modality or factors or factor not in (2.0, 4.0, 8.0, 16.0):
        raise GanzooError(
            f"srgan enlarges images 2, 4, 8 or 16 times, and the input {SOURCE} of {data.name} has the shape "
            f"{source.shape} for samples of {data.shape}: use --dataset lowres."
        )
    doublings = int(factor).bit_length() - 1
    g = Generator(source.shape[0], data.shape, recipe.width, recipe.blocks, doublings)
    return g, PlainDiscriminator(data.shape, recipe.d_width, norm="batch")
