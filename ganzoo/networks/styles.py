"""Layers of style-based generators: the mapping network, modulated convolutions and noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.errors import GanzooError
from ganzoo.networks.equalised import EqualisedLinear, PixelNorm
from ganzoo.networks.resampling import fir_kernel, upfirdn


class MappingNetwork(nn.Module):
    """`z [N, latent]`, and classes `y [N]` if conditional, to styles `w [N, style]`.

    Karras et al. 2019, section 2 (https://arxiv.org/abs/1812.04948): z is normalised, then `layers` fully connected
    layers with leaky ReLU (slope 0.2, gain sqrt(2)) and an equalised learning rate, 100 times lower than elsewhere. As
    in Karras et al. 2020 (ADA), the normalised embedding of a class is appended to the normalised z.

    In training mode, `average` (a buffer) follows the mean of w with the given decay. `truncation` moves w towards it
    (Karras et al. 2019, appendix B): 1 leaves w as it is, 0 gives the average.
    """

    average: Tensor

    def __init__(
        self,
        latent: int,
        style: int = 512,
        layers: int = 8,
        *,
        classes: int = 0,
        lr_multiplier: float = 0.01,
        decay: float = 0.995,
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(classes, style) if classes else None
        sizes = [latent + (style if classes else 0), *[style] * layers]
        self.layers = nn.ModuleList(
            EqualisedLinear(fan_in, style, lr_multiplier=lr_multiplier) for fan_in in sizes[:-1]
        )
        self.norm, self.decay = PixelNorm(), decay
        self.register_buffer("average", torch.zeros(style))

    def forward(self, z: Tensor, y: Tensor | None = None, truncation: float | None = None) -> Tensor:
        w = self.norm(z)
        if self.embed is not None:
            w = torch.cat([w, self.norm(self.embed(y))], 1)
        for layer in self.layers:
            w = functional.leaky_relu(layer(w), 0.2) * math.sqrt(2)
        if self.training:
            with torch.no_grad():
                self.average.lerp_(w.detach().mean(0).to(self.average.dtype), 1 - self.decay)
        return w if truncation is None else torch.lerp(self.average.to(w.dtype), w, truncation)


class ModulatedConv2d(nn.Module):
    """Feature maps `[N, fan_in, H, W]` and styles `[N, style]` to `[N, fan_out, H, W]`, or `2H, 2W` with `up=True`.

    Karras et al. 2020, section 2.2 and appendix B (https://arxiv.org/abs/1912.04958): the style, mapped by an
    `EqualisedLinear` that begins around 1, scales the weight's input channels (equation 1); demodulation then divides
    each output channel by the norm of its weights (equation 3). No bias, noise or activation. The weight is N(0, 1),
    with an equalised learning rate. Upsampling is a transposed convolution with stride 2, followed by a filter.

    kernel: odd. demodulate: False in the layers to RGB. taps: of the filter.
    fused: one grouped convolution with a group per sample. With False, features are scaled before and after one plain
    convolution, which is the same function, takes more memory, and can be exported to ONNX with any batch size.
    """

    filter: Tensor

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        kernel: int,
        style: int,
        *,
        demodulate: bool = True,
        up: bool = False,
        taps: Sequence[float] = (1, 3, 3, 1),
        fused: bool = True,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise GanzooError(f"a modulated convolution has an odd kernel, not {kernel}: use {kernel + 1}.")
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in, kernel, kernel))
        self.affine = EqualisedLinear(style, fan_in, bias_init=1.0)
        self.scale = 1 / math.sqrt(fan_in * kernel**2)
        self.demodulate, self.up, self.fused = demodulate, up, fused
        self.register_buffer("filter", fir_kernel(taps) * 4, persistent=False)
        extra = len(taps) - 2 - (kernel - 1)
        self.filter_padding = ((extra + 1) // 2 + 1, extra // 2 + 1)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style, weight = self.affine(w), self.weight * self.scale
        return self._fused(x, style, weight) if self.fused else self._scaled(x, style, weight)

    def _fused(self, x: Tensor, style: Tensor, weight: Tensor) -> Tensor:
        batch, (fan_out, fan_in, height, width) = x.shape[0], weight.shape
        weights = weight[None] * style[:, None, :, None, None]
        if self.demodulate:
            weights = weights * torch.rsqrt(weights.square().sum((2, 3, 4), keepdim=True) + 1e-8)
        if self.up:
            weights = weights.transpose(1, 2).reshape(batch * fan_in, fan_out, height, width)
        else:
            weights = weights.reshape(batch * fan_out, fan_in, height, width)
        y = self._convolved(x.reshape(1, batch * fan_in, *x.shape[2:]), weights, batch)
        return self._filtered(y.reshape(batch, fan_out, *y.shape[2:]))

    def _scaled(self, x: Tensor, style: Tensor, weight: Tensor) -> Tensor:
        y = x * style[:, :, None, None]
        y = self._filtered(self._convolved(y, weight.transpose(0, 1) if self.up else weight, 1))
        if self.demodulate:
            norms = torch.rsqrt(style.square() @ weight.square().sum((2, 3)).t() + 1e-8)
            y = y * norms[:, :, None, None]
        return y

    def _convolved(self, x: Tensor, weight: Tensor, groups: int) -> Tensor:
        if self.up:
            return functional.conv_transpose2d(x, weight, stride=2, groups=groups)
        return functional.conv2d(x, weight, padding=weight.shape[-1] // 2, groups=groups)

    def _filtered(self, x: Tensor) -> Tensor:
        return upfirdn(x, self.filter, padding=self.filter_padding) if self.up else x


class NoiseInjection(nn.Module):
    """Feature maps `[N, C, H, W]` plus noise, one N(0, 1) number per pixel and sample, times a learnt strength.

    Karras et al. 2019, section 2. The strength begins at 0. channels: if above 0, every channel has a strength of its
    own (StyleGAN), else all share one (StyleGAN2). `noise [N, 1, H, W]` may be given; by default it is drawn, in
    evaluation too, so the network cannot be exported to ONNX.
    """

    def __init__(self, channels: int = 0) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(channels, 1, 1) if channels else torch.zeros(()))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        if noise is None:
            noise = torch.randn(x.shape[0], 1, *x.shape[2:], device=x.device, dtype=x.dtype)
        return x + self.strength * noise
