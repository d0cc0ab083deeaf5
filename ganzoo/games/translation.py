"""What games that make images from an image share: checks of the data, jitter, a pool of past images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.data.dataset import as_input, to_uint8
from ganzoo.errors import GanzooError
from ganzoo.game import Batch, Terms
from ganzoo.games.two_player import TwoPlayer
from ganzoo.recipes import DataSpec

SOURCE = "source"
"""The input that translators make their samples from."""


def source_of(name: str, data: DataSpec) -> DataSpec:
    """The image that samples are made from. Raises GanzooError if it is none, or has another size than they have.

    name: the variant's.
    """
    source = data.inputs[SOURCE]
    if source.modality != data.modality or source.shape[1:] != data.shape[1:]:
        raise GanzooError(
            f"{name} makes images from images of the same size, and the input {SOURCE} of {data.name} is none: choose "
            "another data set."
        )
    return source


PATCH_LAYERS = 3
"""Strided layers of a discriminator of patches of 70 pixels (Isola et al. 2017)."""


def patch_layers(shape: Sequence[int]) -> int:
    """Strided layers of a `PatchDiscriminator` of images `[C, H, W]`: three, or as many as fit."""
    return max((n for n in range(1, PATCH_LAYERS + 1) if min(shape[1:]) >= 3 * 2**n), default=1)


def require_pairs(name: str, data: DataSpec) -> None:
    """Raise GanzooError for data whose inputs do not belong to their samples. name: the variant's."""
    if data.note.get("unpaired"):
        raise GanzooError(
            f"{name} learns from pairs, and the images of {data.name} do not belong together: train cyclegan, or "
            "choose pairs (--dataset edges)."
        )


def jittered(images: Sequence[Tensor], by: int, nearest: Sequence[bool] = ()) -> list[Tensor]:
    """Images `[N, C, H, W]` enlarged by `by` pixels and cropped back at random, row k of each at the same place.

    Isola et al. 2017, section 6.2: 256 pixels enlarged by 30. nearest: which of them are enlarged without a filter, as
    label maps are.
    """
    n, _, height, width = images[0].shape
    device = images[0].device
    top, left = (torch.randint(by + 1, (n, 1), device=device) for _ in range(2))
    rows = (top + torch.arange(height, device=device))[:, None, :, None]
    columns = (left + torch.arange(width, device=device))[:, None, None, :]
    made = []
    for number, x in enumerate(images):
        exact = bool(nearest) and nearest[number]
        size = height + by, width + by
        large = functional.interpolate(x, size) if exact else functional.interpolate(x, size, mode="bilinear")
        channels = x.shape[1]
        part = large.gather(2, rows.expand(n, channels, height, width + by))
        made.append(part.gather(3, columns.expand(n, channels, height, width)))
    return made


class PairedTranslator(TwoPlayer):
    """A generator from the input "source" to samples, and a discriminator that is shown both.

    A subclass may override `condition`, which is what both networks see of the input. The recipe may have a key
    `jitter`: by how many pixels images are enlarged before they are cropped at random, in training.
    """

    inputs = (SOURCE,)

    def condition(self, batch: Batch) -> Tensor:
        """What G is given, and D shown beside a sample: by default the input as it is."""
        return batch[SOURCE]

    def fakes(self, batch: Batch) -> Any:
        return self.generator(self.condition(batch))

    def shown(self, x: Any, batch: Batch) -> Any:
        return torch.cat([self.condition(batch), x], 1)

    def discriminator_loss(self, batch: Batch) -> Terms:
        return super().discriminator_loss(self._jittered(batch))

    def generator_loss(self, batch: Batch) -> Terms:
        return super().generator_loss(self._jittered(batch))

    def lazy_penalty(self, name: str, batch: Batch) -> Terms:
        return super().lazy_penalty(name, self._jittered(batch))

    def _jittered(self, batch: Batch) -> Batch:
        by = getattr(self.recipe, "jitter", 0)
        if by:
            exact = self.data is not None and self.data.inputs[SOURCE].note.get("resize") == "nearest"
            batch[SOURCE], batch["x"] = jittered([batch[SOURCE], batch["x"]], by, [exact, False])
        return batch


class ImagePool(nn.Module):
    """Generated images of which half are past ones: Shrivastava et al. 2017, as used by Zhu et al. 2017, section 4.

    Until it has `size` images, it returns new ones and keeps them. Then each new image is, with probability 0.5,
    exchanged for a random one in the pool. The pool is a buffer of 8 bits, as the data are stored: then it is in
    checkpoints, and no mean is taken of the pools of several ranks.
    shape: of an image. size: at least the number of images in a batch.
    """

    images: Tensor
    filled: Tensor

    def __init__(self, size: int, shape: Sequence[int]) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.zeros(size, *shape, dtype=torch.uint8))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def forward(self, new: Tensor) -> Tensor:
        """As many images as `new [N, C, H, W]`, in [-1, 1]. Raises GanzooError for more than the pool has room for."""
        if not self.size:
            return new
        n = len(new)
        if n > self.size:
            raise GanzooError(f"a pool of {self.size} images is too small for batches of {n}: use --set pool={n}.")
        order = torch.arange(n, device=new.device)
        # A slot for each image, no two the same: the next free ones, or random ones once there are none.
        random = torch.randperm(self.size, device=new.device)[:n]
        slots = torch.where(self.filled >= self.size, random, (self.filled + order) % self.size)
        occupied = self.filled + order >= self.size
        exchanged = occupied & (torch.rand(n, device=new.device) < 0.5)
        past = self.images.index_select(0, slots)
        replaced = (exchanged | ~occupied).view(-1, 1, 1, 1)
        self.images.scatter_(0, slots.view(-1, 1, 1, 1).expand_as(new), torch.where(replaced, to_uint8(new), past))
        self.filled.copy_((self.filled + n).clamp(max=self.size))
        return torch.where(exchanged.view(-1, 1, 1, 1), as_input(past).to(new.dtype), new)
