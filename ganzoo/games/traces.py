"""Whether a network's pass leaves traces, so that one pass is not the same as two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


@torch.no_grad()
def leaves_traces(module: nn.Module, run: Callable[[], Any], device: torch.device) -> bool:
    """Whether `run`, a pass of the module, draws random numbers or writes to buffers; afterwards all is as before."""
    kept: list[Tensor] = [*module.parameters(), *module.buffers()]
    before = [(tensor.clone(), tensor._version) for tensor in kept]
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        random = _random_states(device)
        run()
        drawn = not all(map(torch.equal, random, _random_states(device)))
    written = False
    for tensor, (value, version) in zip(kept, before, strict=True):
        if tensor._version != version or not torch.equal(tensor, value):
            written = True
            tensor.copy_(value)
    return drawn or written


def _random_states(device: torch.device) -> list[Tensor]:
    on_device = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [torch.get_rng_state(), *on_device]
