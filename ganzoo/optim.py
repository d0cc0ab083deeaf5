"""Optimisers and learning-rate schedules as the recipe describes them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from ganzoo.specs import Optimiser


def make_optimiser(spec: Optimiser, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser of one player.

    Adam runs fused where there is a fused kernel: also on the CPU, where the default step of a small network costs more
    than its arithmetic.
    """
    weights = list(parameters)
    fused = all(weight.device.type in ("cpu", "cuda") and weight.is_floating_point() for weight in weights)
    if spec.name == "adam":
        return torch.optim.Adam(weights, spec.lr, spec.betas, weight_decay=spec.weight_decay, fused=fused)
    if spec.name == "adamw":
        return torch.optim.AdamW(weights, spec.lr, spec.betas, weight_decay=spec.weight_decay, fused=fused)
    if spec.name == "rmsprop":
        return torch.optim.RMSprop(weights, spec.lr, momentum=spec.momentum, weight_decay=spec.weight_decay)
    return torch.optim.SGD(weights, spec.lr, momentum=spec.momentum, weight_decay=spec.weight_decay)


def learning_rate(spec: Optimiser, step: int, steps: int) -> float:
    """The learning rate in step number `step` of `steps`: a function of the step alone, so resuming needs no state."""
    rate = spec.lr
    if step < spec.warmup:
        rate *= (step + 1) / spec.warmup
    begin = spec.schedule_start * steps
    if spec.schedule == "constant" or step <= begin:
        return rate
    share = min(1.0, (step - begin) / max(1.0, steps - begin))
    kept = 1 - share if spec.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * share))
    return rate * (spec.final_lr + (1 - spec.final_lr) * kept)
