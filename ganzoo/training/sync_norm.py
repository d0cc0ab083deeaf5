"""Batch normalisation by the statistics of all ranks' samples, on any device, twice differentiable."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn import functional


class _Sum(torch.autograd.Function):
    """The sum over all ranks. Its gradient is also summed, as each rank's loss depends on every rank's input."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.contiguous().clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total: Tensor = _Sum.apply(gradients[0])
        return total


def synchronised_batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`torch.nn.functional.batch_norm` of `[N, C, ...]` with mean and variance over all ranks' samples in training.

    All ranks must call it the same number of times, with the same number of channels; N may differ. The running
    statistics are those of one rank with all samples. In evaluation mode it is torch's own function.
    """
    if not training:
        return functional.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    x = input.float()
    mean, variance, count = statistics(x)
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            # Running variances are unbiased, that of the batch is not (Ioffe and Szegedy 2015, algorithms 1 and 2).
            running_var.lerp_((variance * (count / (count - 1))).to(running_var.dtype), momentum)
    scale = (variance + eps).rsqrt()
    if weight is not None:
        scale = scale * weight
    shift = -mean * scale
    if bias is not None:
        shift = shift + bias
    shape = [1, -1, *[1] * (input.dim() - 2)]
    return torch.addcmul(shift.view(shape), x, scale.view(shape)).to(input.dtype)


def statistics(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and biased variance over all ranks of each channel of `[N, C, ...]`, and the number of values per channel.

    Combined from those of each rank, which stays accurate if the mean is far from 0 (Chan et al. 1983, equations 1.3
    and 1.4).
    """
    rank, ranks = distributed.get_rank(), distributed.get_world_size()
    dims = [0, *range(2, x.dim())]
    variance, mean = torch.var_mean(x, dims, correction=0)
    own = torch.cat([mean, variance, mean.new_full((1,), x.numel() // x.shape[1])])
    # Each rank fills its own row, so the sum over the ranks is the table of all rows.
    table: Tensor = _Sum.apply(functional.pad(own[None], (0, 0, rank, ranks - rank - 1)))
    means, variances, counts = table.split([len(mean), len(mean), 1], dim=1)
    count = counts.detach().sum()
    fraction = counts.detach() / count
    mean = (fraction * means).sum(0)
    return mean, (fraction * (variances + (means - mean).square())).sum(0), count
