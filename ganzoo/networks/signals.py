"""One-dimensional convolutional networks, for sound and other signals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.networks.layers import normalisation, xavier_init
from ganzoo.networks.pyramids import channel_ladder


class SignalGenerator(nn.Module):
    """`z [N, latent]` to signals `[N, C, L]`, for `shape = (C, L)`: WaveGAN's generator.

    Donahue et al. 2019, table 3 (https://arxiv.org/abs/1802.04208): a linear layer to a short signal, then transposed
    convolutions that make it `stride` times as long, ReLU, and tanh at the end if `bounded`. 16384 samples are 16 x 4^5
    as in the paper; see `signal_levels` for other lengths. Weights are initialised by Xavier's rule, biases with 0 (the
    default of the authors' framework).

    width: channels before the last layer; they double towards the short end up to `most` times as many.
    kernel: at least `stride`. norm: one of NORMS; "none" in the paper.
    """

    def __init__(
        self,
        latent: int,
        shape: Sequence[int],
        width: int = 64,
        *,
        kernel: int = 25,
        stride: int = 4,
        norm: str = "none",
        most: int = 16,
        bounded: bool = True,
    ) -> None:
        super().__init__()
        channels, length = shape
        levels, base = signal_levels(length, stride)
        _check_kernel(kernel, stride)
        sizes = channel_ladder(width, levels, most)[::-1]
        self.base = (sizes[0], base)
        self.project = nn.Linear(latent, sizes[0] * base)
        padding = (kernel - stride + 1) // 2
        # If kernel and stride differ by an odd number, one more sample at the far end makes the length exact.
        extra = stride + 2 * padding - kernel
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise([*sizes, channels]):
            layers += [*normalisation(norm, fan_in, 1), nn.ReLU()]
            layers.append(nn.ConvTranspose1d(fan_in, fan_out, kernel, stride, padding, output_padding=extra))
        self.body = nn.Sequential(*layers, nn.Tanh() if bounded else nn.Identity())
        xavier_init(self)

    def forward(self, z: Tensor) -> Tensor:
        signal: Tensor = self.body(self.project(z).unflatten(1, self.base))
        return signal


class SignalDiscriminator(nn.Module):
    """Signals `[N, C, L]` to logits `[N]`: WaveGAN's discriminator.

    Donahue et al. 2019, table 4: the mirror image of `SignalGenerator`, with leaky ReLU (slope 0.2), and phase shuffle
    after every layer but the last.

    shuffle: samples by which phases are moved at most, 2 in the paper; 0 for no phase shuffle.
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int = 64,
        *,
        kernel: int = 25,
        stride: int = 4,
        norm: str = "none",
        most: int = 16,
        shuffle: int = 2,
    ) -> None:
        super().__init__()
        channels, length = shape
        levels, base = signal_levels(length, stride)
        _check_kernel(kernel, stride)
        sizes = channel_ladder(width, levels, most)
        layers: list[nn.Module] = []
        for level, (fan_in, fan_out) in enumerate(pairwise([channels, *sizes])):
            layers.append(nn.Conv1d(fan_in, fan_out, kernel, stride, (kernel - stride + 1) // 2))
            layers += [*(normalisation(norm, fan_out, 1) if level else []), nn.LeakyReLU(0.2)]
            if shuffle and level < levels - 1:
                layers.append(PhaseShuffle(shuffle))
        self.body = nn.Sequential(*layers)
        self.width = sizes[-1] * base
        self.head = nn.Linear(self.width, 1)
        xavier_init(self)

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees: `[N, width]`, for heads of your own."""
        features: Tensor = self.body(x).flatten(1)
        return features

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits[:, 0]


class PhaseShuffle(nn.Module):
    """`x [N, C, L]`, in training each sample moved by a random number of steps from -n to n, reflected at the ends.

    Donahue et al. 2019, section 3.3. All channels of a sample are moved alike. Each sample is moved by a number of its
    own; the authors' code draws one for the batch. L must be larger than n. In evaluation mode the input is returned.
    """

    def __init__(self, n: int = 2) -> None:
        super().__init__()
        self.n = n

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.n:
            return x
        last = x.shape[2] - 1
        shift = torch.randint(-self.n, self.n + 1, (x.shape[0], 1), device=x.device)
        source = torch.arange(x.shape[2], device=x.device) - shift
        reflected = last - (last - source.abs()).abs()
        return x.gather(2, reflected[:, None].expand(-1, x.shape[1], -1))


def signal_levels(length: int, stride: int = 4) -> tuple[int, int]:
    """How many times a signal is made `stride` times shorter, and the resulting length.

    The rule: as long as at least 8 samples are left, so 16384 is 16 x 4^5. Raises GanzooError for a length that is too
    short or cannot be divided evenly.
    """
    levels = 0
    while length >= 8 * stride ** (levels + 1):
        levels += 1
    if not levels:
        raise GanzooError(f"signals of {length} samples are too short for stride {stride}: {8 * stride} or more.")
    step = stride**levels
    if length % step:
        below, above = length // step * step, (length // step + 1) * step
        raise GanzooError(
            f"signals of {length} samples cannot be divided by {stride} evenly {levels} times: "
            f"use a length of {below} or {above}, or another stride."
        )
    return levels, length // step


def _check_kernel(kernel: int, stride: int) -> None:
    if kernel < stride:
        raise GanzooError(f"a kernel of {kernel} skips samples with stride {stride}: use {stride} or more.")
