"""Filtered upsampling and downsampling of feature maps, and pixel shuffle."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def fir_kernel(taps: Sequence[float]) -> Tensor:
    """The separable filter `[K, K]` of the given taps, with a sum of 1."""
    row = torch.tensor([float(tap) for tap in taps])
    return torch.outer(row, row) / row.sum() ** 2


def upfirdn(x: Tensor, kernel: Tensor, up: int = 1, down: int = 1, padding: tuple[int, int] = (0, 0)) -> Tensor:
    """Insert `up - 1` zeros after each pixel, pad, convolve with a filter, keep every `down`-th pixel.

    x: `[N, C, H, W]`. kernel: `[K, K]`, the same for all channels, applied as a convolution (not a correlation).
    padding: zeros before and after, on both axes; negative numbers crop. The result has
    `(H * up + before + after - K) // down + 1` rows. The order of the operations is that of scipy.signal.upfirdn and of
    Karras et al. 2020 (https://arxiv.org/abs/1912.04958, appendix B).
    """
    channels, height, width = x.shape[1:]
    if up > 1:
        spaced = functional.pad(x.unsqueeze(3).unsqueeze(5), (0, up - 1, 0, 0, 0, up - 1))
        x = spaced.reshape(-1, channels, height * up, width * up)
    x = functional.pad(x, (*padding, *padding))
    weight = kernel.to(x.dtype).flip(0, 1).expand(channels, 1, -1, -1)
    return functional.conv2d(x, weight, stride=down, groups=channels)


class _Filter(nn.Module):
    """A filter that is a buffer and not in checkpoints, as it follows from the arguments."""

    kernel: Tensor

    def __init__(self, taps: Sequence[float], gain: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("kernel", fir_kernel(taps) * gain, persistent=False)
        self.size = len(taps)


class FIRUpsample(_Filter):
    """Feature maps `[N, C, H, W]` to `[N, C, factor * H, factor * W]`: zeros inserted, then a low-pass filter.

    Karras et al. 2020 (https://arxiv.org/abs/1912.04958, appendix B). taps: of the filter, per axis.
    """

    def __init__(self, taps: Sequence[float] = (1, 3, 3, 1), factor: int = 2) -> None:
        super().__init__(taps, factor**2)
        self.factor, extra = factor, self.size - factor
        self.padding = ((extra + 1) // 2 + factor - 1, extra // 2)

    def forward(self, x: Tensor) -> Tensor:
        return upfirdn(x, self.kernel, self.factor, 1, self.padding)


class FIRDownsample(_Filter):
    """Feature maps `[N, C, H, W]` to `[N, C, H / factor, W / factor]`: a low-pass filter, then every factor-th pixel.

    The counterpart of `FIRUpsample`. Height and width should be multiples of `factor`; a remainder is dropped.
    """

    def __init__(self, taps: Sequence[float] = (1, 3, 3, 1), factor: int = 2) -> None:
        super().__init__(taps)
        self.factor, extra = factor, self.size - factor
        self.padding = ((extra + 1) // 2, extra // 2)

    def forward(self, x: Tensor) -> Tensor:
        return upfirdn(x, self.kernel, 1, self.factor, self.padding)


class Blur(_Filter):
    """Feature maps `[N, C, H, W]`, low-pass filtered at the same size, with zeros beyond the edges."""

    def __init__(self, taps: Sequence[float] = (1, 2, 1)) -> None:
        super().__init__(taps)
        self.padding = (self.size // 2, (self.size - 1) // 2)

    def forward(self, x: Tensor) -> Tensor:
        return upfirdn(x, self.kernel, padding=self.padding)


class BlurPool(_Filter):
    """Feature maps `[N, C, H, W]` to `[N, C, ceil(H / stride), ceil(W / stride)]`, reflected at the edges.

    Anti-aliased downsampling (Zhang 2019, https://arxiv.org/abs/1904.11486). taps: (1, 2, 1) is the paper's Triangle-3,
    (1, 4, 6, 4, 1) its Binomial-5. Height and width must be larger than half the number of taps.
    """

    def __init__(self, taps: Sequence[float] = (1, 2, 1), stride: int = 2) -> None:
        super().__init__(taps)
        self.stride, before, after = stride, (self.size - 1) // 2, self.size // 2
        self.padding = (before, after, before, after)

    def forward(self, x: Tensor) -> Tensor:
        return upfirdn(functional.pad(x, self.padding, mode="reflect"), self.kernel, down=self.stride)


def pixel_shuffle(fan_in: int, fan_out: int, factor: int = 2, *, kernel: int = 3, bias: bool = True) -> list[nn.Module]:
    """Layers from `[N, fan_in, H, W]` to `[N, fan_out, factor * H, factor * W]`: a convolution, then pixel shuffle.

    Shi et al. 2016 (https://arxiv.org/abs/1609.05158), used by SRGAN. kernel: odd.
    """
    conv = nn.Conv2d(fan_in, factor**2 * fan_out, kernel, 1, kernel // 2, bias=bias)
    return [conv, nn.PixelShuffle(factor)]
