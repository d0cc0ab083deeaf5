"""SRGAN's networks: the generator SRResNet, and a discriminator of whole crops (figure 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ganzoo.networks import as_vectors


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
    """Images `[N, C, h, w]` of any size to images in [-1, 1] with sides 2, 4, ... times longer.

    A 9x9 convolution and PReLU, residual blocks, a 3x3 convolution with batch normalisation and what came before the
    blocks, then for each doubling a convolution to four times the channels, shuffled into pixels, and PReLU, and a 9x9
    convolution and tanh. skip: in place of tanh, what is added to the input, enlarged bicubically; the sum is not
    limited to [-1, 1].

    reach: how many pixels away from a pixel of the input its influence ends.
    """

    def __init__(
        self, inputs: int, channels: int, width: int, blocks: int, doublings: int, *, skip: bool = False
    ) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(inputs, width, 9, padding=4), nn.PReLU())
        end = [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
        self.body = nn.Sequential(*(Block(width) for _ in range(blocks)), *end)
        up: list[nn.Module] = []
        for _ in range(doublings):
            up += [nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()]
        last = nn.Conv2d(width, channels, 9, padding=4)
        if skip:
            # Training begins with the image that is enlarged bicubically.
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        self.up = nn.Sequential(*up, last, *([] if skip else [nn.Tanh()]))
        self.factor, self.skip = 2**doublings, skip
        # 4 of the first convolution, 1 of each of the others at this size, less at larger sizes.
        self.reach = 4 + 2 * blocks + 1 + math.ceil(sum(0.5**n for n in range(doublings)) + 4 / self.factor)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        image: Tensor = self.up(y + self.body(y))
        return image + interpolate(x, scale_factor=self.factor, mode="bicubic") if self.skip else image


class Discriminator(nn.Module):
    """Images `[N, C, H, W]` to logits `[N]`: 3x3 convolutions, of which every second halves the size.

    Twice as many channels after each halving, four halvings or as many as leave 4 pixels; batch normalisation in all
    but the first, leaky ReLU (slope 0.2), two linear layers. width: channels of the first convolution, 64 in the paper;
    the first linear layer has 16 times as many units.
    """

    def __init__(self, shape: Sequence[int], width: int) -> None:
        super().__init__()
        channels, height, span = shape
        levels = max(1, min(4, int(math.log2(min(height, span) / 4))))
        layers: list[nn.Module] = []
        fan_in = channels
        for level in range(levels):
            fan_out = width * 2**level
            for stride in (1, 2):
                norm = [nn.BatchNorm2d(fan_out)] if layers else []
                layers += [nn.Conv2d(fan_in, fan_out, 3, stride, 1, bias=not norm), *norm, nn.LeakyReLU(0.2)]
                fan_in = fan_out
            height, span = math.ceil(height / 2), math.ceil(span / 2)
        self.body = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Linear(fan_in * height * span, 16 * width), nn.LeakyReLU(0.2), nn.Linear(16 * width, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(as_vectors(self.body(x)))
        return logits[:, 0]


@torch.no_grad()
def enlarged(generator: Generator, x: Tensor, tile: int) -> Tensor:
    """What the generator makes of images `[N, C, h, w]`, in parts of `tile` pixels if they are larger.

    Each part is computed together with all pixels that influence it, so that no seams appear and memory stays small.
    """
    height, width = x.shape[2:]
    factor, reach = generator.factor, generator.reach
    rows = []
    for top in range(0, height, tile):
        y0, y1 = max(0, top - reach), min(height, top + tile + reach)
        row = []
        for left in range(0, width, tile):
            x0, x1 = max(0, left - reach), min(width, left + tile + reach)
            part = generator(x[:, :, y0:y1, x0:x1])
            down, across = (top - y0) * factor, (left - x0) * factor
            high, wide = min(tile, height - top) * factor, min(tile, width - left) * factor
            row.append(part[:, :, down : down + high, across : across + wide])
        rows.append(torch.cat(row, 3))
    return torch.cat(rows, 2)
