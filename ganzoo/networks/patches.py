"""A discriminator of patches."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.networks.layers import normal_init, plain_normalisation
from ganzoo.networks.pyramids import channel_ladder


class PatchDiscriminator(nn.Module):
    """Images `[N, C, H, W]` to logits `[N, H', W']`, one for each of many overlapping patches: PatchGAN.

    Isola et al. 2017, section 6.1.2 (https://arxiv.org/abs/1611.07004): `layers` 4x4 convolutions with stride 2 and two
    with stride 1, leaky ReLU (slope 0.2), normalisation in all but the first and last. Weights are N(0, 0.02).

    layers: 3 gives patches of 70x70 pixels, as in the paper; 1 gives 16, 2 gives 34, 4 gives 142, 5 gives 286
    (`receptive_field`). width: channels of the first layer; they double up to eight times as many. norm: "batch",
    "instance" (without parameters; CycleGAN) or "none". For a translator that shows the input too, C counts both.
    Raises GanzooError for images that are too small to have a patch.
    """

    def __init__(self, shape: Sequence[int], width: int = 64, *, layers: int = 3, norm: str = "batch") -> None:
        super().__init__()
        channels, height, span = shape
        # A 4x4 convolution with padding 1 halves the size if the stride is 2, and takes one pixel off if it is 1.
        if min(height, span) < 3 * 2**layers:
            fitting = max((n for n in range(1, layers) if min(height, span) >= 3 * 2**n), default=0)
            fewer = f"layers={fitting} or " if fitting else ""
            raise GanzooError(
                f"images of {height}x{span} are too small for patches of {layers} layers: "
                f"use {fewer}--set data.size={3 * 2**layers} or more."
            )
        self.receptive_field = 1
        for stride in [1, 1, *[2] * layers]:
            self.receptive_field = (self.receptive_field - 1) * stride + 4
        sizes = channel_ladder(width, layers + 1)
        body: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for level in range(1, layers + 1):
            stride = 2 if level < layers else 1
            body.append(nn.Conv2d(sizes[level - 1], sizes[level], 4, stride, 1, bias=norm != "batch"))
            body += [*plain_normalisation(norm, sizes[level]), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*body, nn.Conv2d(sizes[-1], 1, 4, 1, 1))
        normal_init(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.body(x)
        return logits[:, 0]
