"""What training needs to know of devices and ranks: Lightning Fabric's names, and a single device without it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor


class Fabric(Protocol):
    """The part of Lightning Fabric's `Fabric` that is used. Its import takes longer than that of torch, so it is
    imported only for several ranks; one device has `SingleDevice`."""

    @property
    def device(self) -> torch.device:
        """The device of this rank."""
        ...

    @property
    def world_size(self) -> int:
        """Number of ranks."""
        ...

    @property
    def global_rank(self) -> int:
        """The number of this rank."""
        ...

    @property
    def is_global_zero(self) -> bool:
        """Whether this is the first rank."""
        ...

    def autocast(self) -> AbstractContextManager[Any]:
        """Within it, the networks compute in the precision that was chosen."""
        ...

    def all_reduce(self, data: Tensor, *, reduce_op: str = "mean") -> Any:
        """The mean or the maximum of a tensor over the ranks."""
        ...

    def broadcast(self, obj: Any, src: int = 0) -> Any:
        """The value that the first rank has."""
        ...


class SingleDevice:
    """One process on one device, of which Fabric would make the same. bf16: whether networks compute in bfloat16."""

    world_size = 1
    global_rank = 0
    is_global_zero = True

    def __init__(self, device: torch.device, bf16: bool = False) -> None:
        self.device, self.bf16 = device, bf16
        if device.type == "cuda":
            torch.cuda.set_device(device)

    def autocast(self) -> AbstractContextManager[Any]:
        """bfloat16 where torch considers it safe, or nothing."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16) if self.bf16 else nullcontext()

    def all_reduce(self, data: Tensor, *, reduce_op: str = "mean") -> Tensor:
        """The tensor itself."""
        return data

    def broadcast(self, obj: Any, src: int = 0) -> Any:
        """The value itself."""
        return obj
