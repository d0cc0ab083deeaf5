"""From vectors to feature maps and back without a change of memory layout in the layers between.

The trainer's convolutions are channels-last. An elementwise operation on two tensors of which one is channels-last and
the other is not takes many times as long on a CPU, and so did the activations next to a fully connected layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def as_maps(x: Tensor, shape: Sequence[int]) -> Tensor:
    """Vectors `[N, C * H * W]` as channels-last feature maps `[N, C, H, W]`, for `shape = (C, H, W)`."""
    maps: Tensor = _GradientLayout.apply(x.unflatten(1, tuple(shape)), torch.contiguous_format)
    return maps.contiguous(memory_format=torch.channels_last)


def as_vectors(x: Tensor) -> Tensor:
    """Feature maps `[N, C, H, W]` as vectors `[N, C * H * W]`; their gradient has the layout of the maps."""
    channels_last = not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
    return (_GradientLayout.apply(x, torch.channels_last) if channels_last else x).flatten(1)


class _GradientLayout(torch.autograd.Function):
    """The identity, whose gradient has a memory format."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, memory_format: torch.memory_format) -> Tensor:
        ctx.memory_format = memory_format
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        # A copy in any case: torch.compile expects another layout of some gradients (of group normalisation) than they
        # have when they are computed, and leaves out a conversion that it takes for unnecessary.
        return gradient.clone(memory_format=ctx.memory_format), None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        return tangent.view_as(tangent)
