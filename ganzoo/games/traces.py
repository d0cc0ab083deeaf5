"""Whether a network's pass leaves traces, so that one pass is not the same as two."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


@torch.no_grad()
def leaves_traces(module: nn.Module, *inputs: Tensor) -> bool:
    """Whether a pass of the module draws random numbers or writes to its tensors. A copy is tried, so nothing changes.

    Also True for a module that cannot be copied, as those that keep computed tensors.
    """
    try:
        tried = copy.deepcopy(module)
    except (RuntimeError, TypeError):
        return True
    kept: list[Tensor] = [*tried.parameters(), *tried.buffers()]
    before = [(tensor.clone(), tensor._version) for tensor in kept]
    device = inputs[0].device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        random = _random_states(device)
        tried(*inputs)
        drawn = not all(map(torch.equal, random, _random_states(device)))
    return drawn or any(
        tensor._version != version or not torch.equal(tensor, value)
        for tensor, (value, version) in zip(kept, before, strict=True)
    )


def _random_states(device: torch.device) -> list[Tensor]:
    on_device = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [torch.get_rng_state(), *on_device]
