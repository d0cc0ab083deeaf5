"""Residual blocks that double or halve the resolution."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.errors import GanzooError
from ganzoo.networks.conditional_norms import ConditionalBatchNorm
from ganzoo.networks.layers import normalisation


class ResidualUp(nn.Module):
    """A generator's block: `[N, fan_in, H, W]` to `[N, fan_out, 2H, 2W]`, or the same size with `up=False`.

    Miyato et al. 2018, appendix B (https://arxiv.org/abs/1802.05957), after Gulrajani et al. 2017: batch normalisation,
    ReLU, nearest-neighbour upsampling, 3x3 convolution, batch normalisation, ReLU, 3x3 convolution; plus the upsampled
    input through a 1x1 convolution, which is left out if size and channels stay as they are.

    classes, features: if one of them is above 0, the normalisation is `ConditionalBatchNorm`, and the block is called
    with the condition as second argument. norm: one of NORMS, for an unconditional block.
    Weights are initialised by Xavier's rule, with gain sqrt(2) in 3x3 convolutions (the authors' code).
    """

    def __init__(
        self, fan_in: int, fan_out: int, *, up: bool = True, classes: int = 0, features: int = 0, norm: str = "batch"
    ) -> None:
        super().__init__()
        self.up, self.conditional = up, classes > 0 or features > 0
        self.norm1, self.norm2 = (
            ConditionalBatchNorm(channels, classes=classes, features=features)
            if self.conditional
            else nn.Sequential(*normalisation(norm, channels))
            for channels in (fan_in, fan_out)
        )
        self.conv1, self.conv2 = _conv3(fan_in, fan_out), _conv3(fan_out, fan_out)
        self.shortcut = _conv1(fan_in, fan_out) if up or fan_in != fan_out else nn.Identity()

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        condition = (y,) if self.conditional else ()
        h = self.conv1(self._doubled(functional.relu(self.norm1(x, *condition))))
        h = self.conv2(functional.relu(self.norm2(h, *condition)))
        total: Tensor = h + self.shortcut(self._doubled(x))
        return total

    def _doubled(self, x: Tensor) -> Tensor:
        return functional.interpolate(x, scale_factor=2) if self.up else x


class ResidualDown(nn.Module):
    """A discriminator's block: `[N, fan_in, H, W]` to `[N, fan_out, H/2, W/2]`, or the same size with `down=False`.

    The counterpart of `ResidualUp` (same papers): ReLU, 3x3 convolution, ReLU, 3x3 convolution, mean of 2x2 pixels;
    plus the input through a 1x1 convolution and the same mean. The 1x1 convolution is left out if nothing changes.

    first: the first block of a discriminator, which has no ReLU before its first convolution and takes the mean of the
    image before the 1x1 convolution (`OptimizedBlock` in the code of both papers).
    wide: whether the first convolution changes the channels already, as in Brock et al. 2019, and not the second one.
    norm: one of NORMS; before each ReLU ("layer" in the 64x64 network of Gulrajani et al. 2017).
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        *,
        down: bool = True,
        first: bool = False,
        wide: bool = False,
        norm: str = "none",
    ) -> None:
        super().__init__()
        hidden = fan_out if wide or first else fan_in
        self.down, self.first = down, first
        self.norm1 = nn.Identity() if first else nn.Sequential(*normalisation(norm, fan_in))
        self.norm2 = nn.Sequential(*normalisation(norm, hidden))
        self.conv1, self.conv2 = _conv3(fan_in, hidden), _conv3(hidden, fan_out)
        self.shortcut = _conv1(fan_in, fan_out) if first or down or fan_in != fan_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(x if self.first else functional.relu(self.norm1(x)))
        h = self._halved(self.conv2(functional.relu(self.norm2(h))))
        # The two orders are the same function; a mean of the image costs less than one of many channels.
        short = self.shortcut(self._halved(x)) if self.first else self._halved(self.shortcut(x))
        total: Tensor = h + short
        return total

    def _halved(self, x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, 2) if self.down else x


class FixupBottleneck(nn.Module):
    """R3GAN's residual block: `[N, channels, H, W]` to the same shape, without normalisation.

    Huang et al. 2024 (https://arxiv.org/abs/2501.05441), section 3 and the authors' code: 1x1 convolution to
    `expansion * channels`, a grouped convolution, 1x1 convolution back; no biases in these, but a bias before each of
    the two leaky ReLUs (slope 0.2). Weights are initialised as by Zhang et al. 2019 (Fix-up): the last convolution with
    0, the others with He's rule times `depth ** (-1/4)`.

    groups: of the convolution in the middle; expansion * channels must be a multiple of it, or GanzooError is raised.
    depth: the number of residual blocks in the network. kernel: odd.
    Spectral normalisation cannot be added: the last weight has no direction while it is 0.
    """

    def __init__(self, channels: int, groups: int, *, depth: int, expansion: int = 2, kernel: int = 3) -> None:
        super().__init__()
        wide = channels * expansion
        if wide % groups:
            raise GanzooError(f"{wide} channels cannot be split into {groups} groups: use a divisor of {wide}.")
        self.conv1 = nn.Conv2d(channels, wide, 1, bias=False)
        self.conv2 = nn.Conv2d(wide, wide, kernel, 1, kernel // 2, groups=groups, bias=False)
        self.conv3 = nn.Conv2d(wide, channels, 1, bias=False)
        self.bias1, self.bias2 = nn.Parameter(torch.zeros(wide)), nn.Parameter(torch.zeros(wide))
        gain = math.sqrt(2 / (1 + 0.2**2)) * depth**-0.25
        for conv in (self.conv1, self.conv2):
            nn.init.normal_(conv.weight, 0.0, gain / math.sqrt(conv.weight[0].numel()))
        nn.init.zeros_(self.conv3.weight)

    def forward(self, x: Tensor) -> Tensor:
        h = functional.leaky_relu(self.conv1(x) + self.bias1[:, None, None], 0.2)
        h = functional.leaky_relu(self.conv2(h) + self.bias2[:, None, None], 0.2)
        # The sum has the layout of its first term, which for the convolution is channels-last.
        total: Tensor = self.conv3(h) + x
        return total


def _conv3(fan_in: int, fan_out: int) -> nn.Conv2d:
    return _xavier(nn.Conv2d(fan_in, fan_out, 3, 1, 1), math.sqrt(2))


def _conv1(fan_in: int, fan_out: int) -> nn.Conv2d:
    return _xavier(nn.Conv2d(fan_in, fan_out, 1), 1.0)


def _xavier(conv: nn.Conv2d, gain: float) -> nn.Conv2d:
    nn.init.xavier_uniform_(conv.weight, gain)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv
