"""Networks from image to image: the U-Net of pix2pix and the residual network of CycleGAN."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.errors import GanzooError
from ganzoo.networks.layers import normal_init, plain_normalisation
from ganzoo.networks.pyramids import channel_ladder


class UNet(nn.Module):
    """Images `[N, inputs, H, W]` to images `[N, C, H, W]` in [-1, 1], for `shape = (C, H, W)`: pix2pix's generator.

    Isola et al. 2017, section 6.1.1 (https://arxiv.org/abs/1611.07004), and the authors' code: 4x4 convolutions with
    stride 2, leaky ReLU (slope 0.2) down and ReLU up, and each level's features appended to those that come back up.
    Neither the first nor the innermost convolution is normalised. Weights are N(0, 0.02).

    downs: levels, 8 in the paper (256x256 to 1x1); by default as many as halve the size evenly, but at most 8. width:
    channels of the first level; they double up to eight times as many. norm: "batch", "instance" (without parameters)
    or "none".
    dropout: its probability in the first three layers on the way up. It is the paper's only noise and is active in
    evaluation too, so a network with dropout cannot be exported to ONNX.

    Raises GanzooError if height or width cannot be halved evenly `downs` times (at least twice).
    """

    def __init__(
        self,
        inputs: int,
        shape: Sequence[int],
        width: int = 64,
        *,
        downs: int | None = None,
        norm: str = "batch",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        channels, height, span = shape
        if downs is None:
            downs = max(2, min(8, _halvings(height), _halvings(span)))
        _check_size(height, span, downs, 2)
        sizes = channel_ladder(width, downs)
        bias, self.dropout = norm != "batch", dropout
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, fan_out in enumerate(sizes):
            conv = nn.Conv2d(sizes[level - 1] if level else inputs, fan_out, 4, 2, 1, bias=bias)
            normed = 0 < level < downs - 1
            self.down.append(nn.Sequential(conv, *(plain_normalisation(norm, fan_out) if normed else [])))
        for level in reversed(range(downs)):
            fan_in = sizes[level] * (1 if level == downs - 1 else 2)
            fan_out = sizes[level - 1] if level else channels
            conv_up = nn.ConvTranspose2d(fan_in, fan_out, 4, 2, 1, bias=bias or level == 0)
            self.up.append(nn.Sequential(conv_up, *(plain_normalisation(norm, fan_out) if level else [])))
        self.dropped = min(3, downs - 1)
        normal_init(self)

    def forward(self, x: Tensor) -> Tensor:
        features: list[Tensor] = []
        for level, down in enumerate(self.down):
            x = down(functional.leaky_relu(x, 0.2) if level else x)
            features.append(x)
        x = features.pop()
        for index, up in enumerate(self.up):
            x = up(functional.relu(x))
            if self.dropout and index < self.dropped:
                x = functional.dropout(x, self.dropout, training=True)
            if features:
                x = torch.cat([features.pop(), x], 1)
        return torch.tanh(x)


class ResnetTranslator(nn.Module):
    """Images `[N, inputs, H, W]` to images `[N, C, H, W]` in [-1, 1], for `shape = (C, H, W)`: CycleGAN's generator.

    Johnson et al. 2016, as used by Zhu et al. 2017, appendix (https://arxiv.org/abs/1703.10593): a 7x7 convolution,
    `downs` convolutions with stride 2, residual blocks of two 3x3 convolutions, as many transposed convolutions, a 7x7
    convolution and tanh. Reflection padding, except in strided layers; ReLU; weights are N(0, 0.02).

    width: channels of the first layer. blocks: by default 6 for images below 256 pixels and 9 for others, as in the
    paper. norm: "instance" (without parameters), "batch" or "none".
    Raises GanzooError if height or width cannot be halved evenly `downs` times, or has less than 2 pixels then.
    """

    def __init__(
        self,
        inputs: int,
        shape: Sequence[int],
        width: int = 64,
        *,
        blocks: int | None = None,
        downs: int = 2,
        norm: str = "instance",
    ) -> None:
        super().__init__()
        channels, height, span = shape
        _check_size(height, span, downs, 0)
        if min(height, span) < 2 ** (downs + 1):
            raise GanzooError(
                f"images of {height}x{span} are too small for {downs} halvings and residual blocks: "
                f"use --set data.size={2 ** (downs + 1)} or more."
            )
        bias = norm != "batch"

        def after(layer: nn.Module, size: int) -> list[nn.Module]:
            return [layer, *plain_normalisation(norm, size), nn.ReLU()]

        layers: list[nn.Module] = [nn.ReflectionPad2d(3), *after(nn.Conv2d(inputs, width, 7, bias=bias), width)]
        for level in range(downs):
            size = width * 2 ** (level + 1)
            layers += after(nn.Conv2d(size // 2, size, 3, 2, 1, bias=bias), size)
        inner = width * 2**downs
        count = blocks if blocks is not None else (9 if min(height, span) >= 256 else 6)
        layers += [ReflectedResidual(inner, norm) for _ in range(count)]
        for level in reversed(range(downs)):
            size = width * 2**level
            layers += after(nn.ConvTranspose2d(2 * size, size, 3, 2, 1, output_padding=1, bias=bias), size)
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh()]
        self.body = nn.Sequential(*layers)
        normal_init(self)

    def forward(self, x: Tensor) -> Tensor:
        image: Tensor = self.body(x)
        return image


class ReflectedResidual(nn.Module):
    """Feature maps `[N, C, H, W]` to the same shape: two reflected 3x3 convolutions, normalised, added to x."""

    def __init__(self, channels: int, norm: str = "instance") -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            conv = nn.Conv2d(channels, channels, 3, bias=norm != "batch")
            layers += [nn.ReflectionPad2d(1), conv, *plain_normalisation(norm, channels), nn.ReLU()]
        self.body = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = x + self.body(x)
        return total


def _halvings(size: int) -> int:
    """How many times a number can be halved evenly."""
    return (size & -size).bit_length() - 1


def _check_size(height: int, width: int, downs: int, least: int) -> None:
    if downs < least:
        raise GanzooError(f"a U-Net of {downs} levels has no skip connection: use downs={least} or more.")
    step = 2**downs
    if height % step or width % step:
        near = max(1, round(min(height, width) / step)) * step
        raise GanzooError(
            f"images of {height}x{width} cannot be halved evenly {downs} times: use --set data.size={near}."
        )
