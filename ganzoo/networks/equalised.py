"""Layers with an equalised learning rate, and pixel normalisation."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class EqualisedLinear(nn.Module):
    """`x [..., fan_in]` to `[..., fan_out]`, with a weight that is stored as N(0, 1) and scaled when it is used.

    Karras et al. 2018, section 4.1 (https://arxiv.org/abs/1710.10196): the scale is He's constant,
    `gain / sqrt(fan_in)`, so Adam's steps have the same relative size in every layer.

    gain: sqrt(2) in ProGAN; 1 in StyleGAN2, whose activations have the gain instead.
    lr_multiplier: the factor by which the layer learns more slowly (0.01 in StyleGAN's mapping network): weight and
    bias are stored divided by it and multiplied by it when they are used.
    bias_init: the first value of the bias, as it is used.

    With `add_spectral_norm` the stored weight is divided by its largest singular value and then scaled, so the layer's
    Lipschitz constant is the scale and not 1; no paper combines the two.
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        *,
        bias: bool = True,
        bias_init: float = 0.0,
        gain: float = 1.0,
        lr_multiplier: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((fan_out,), bias_init / lr_multiplier)) if bias else None
        self.scale, self.lr_multiplier = gain * lr_multiplier / math.sqrt(fan_in), lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias * self.lr_multiplier
        return functional.linear(x, self.weight * self.scale, bias)


class EqualisedConv2d(nn.Module):
    """Feature maps `[N, fan_in, H, W]` to `[N, fan_out, H', W']`; the same as `EqualisedLinear` for a convolution.

    kernel: its side. padding: by default `kernel // 2`, which keeps the size if the kernel is odd and the stride 1.
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        padding: int | None = None,
        bias: bool = True,
        gain: float = 1.0,
        lr_multiplier: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in, kernel, kernel) / lr_multiplier)
        self.bias = nn.Parameter(torch.zeros(fan_out)) if bias else None
        self.scale, self.lr_multiplier = gain * lr_multiplier / math.sqrt(fan_in * kernel**2), lr_multiplier
        self.stride, self.padding = stride, kernel // 2 if padding is None else padding

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias * self.lr_multiplier
        return functional.conv2d(x, self.weight * self.scale, bias, self.stride, self.padding)


class PixelNorm(nn.Module):
    """`x [N, C, ...]` divided by the root mean square over its channels (Karras et al. 2018, section 4.2)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)
