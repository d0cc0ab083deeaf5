"""A recorder for the CPU that behaves like a CUDA graph: it replays operations on the same memory, without Python.

Numbers computed by Python are frozen, reading a value on the host is an error, and recording has no effect on tensors.
Only random numbers are drawn again at each replay, as with a CUDA graph, whose generator state advances.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map


class Tape(TorchDispatchMode):
    """Records all operations, and undoes them at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        self._before: list[tuple[Tensor, Tensor]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.Tag.data_dependent_output in func.tags:
            raise RuntimeError("operation not permitted while recording")
        kwargs = kwargs or {}
        self._before += [(tensor.detach(), tensor.detach().clone()) for tensor in written(func, args, kwargs)]
        result = func(*args, **kwargs)
        self.calls.append((func, *(tree_map(alias, part) for part in (args, kwargs, result))))
        return result

    def undo(self) -> None:
        for tensor, value in reversed(self._before):
            tensor.copy_(value)

    @torch.no_grad()
    def replay(self) -> None:
        for func, args, kwargs, result in self.calls:
            again = func(*args, **kwargs)
            if any(returned.alias_info for returned in func._schema.returns):
                continue
            for held, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                if isinstance(held, Tensor):
                    held.copy_(new)


def alias(leaf: Any) -> Any:
    """The same memory, without autograd history."""
    return leaf.detach() if isinstance(leaf, Tensor) else leaf


def written(func: Any, args: Any, kwargs: Any) -> list[Tensor]:
    """The tensors that an operation writes to."""
    found = []
    for number, argument in enumerate(func._schema.arguments):
        value = args[number] if number < len(args) else kwargs.get(argument.name)
        # Batch normalisation writes to its running statistics without declaring it.
        silent = "batch_norm" in func.name() and argument.name in ("running_mean", "running_var")
        if silent or (argument.alias_info and argument.alias_info.is_write):
            found += [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
    return found


class Tapes:
    """A Recorder (see ganzoo/training/capture.py)."""

    def __init__(self) -> None:
        self.replays = 0

    def record(self, work: Callable[[], Tensor | None]) -> tuple[Callable[[], None], Tensor | None]:
        random, tape = torch.get_rng_state(), Tape()
        try:
            with tape:
                result = work()
        finally:
            with torch.no_grad():
                tape.undo()
            torch.set_rng_state(random)

        def replay() -> None:
            self.replays += 1
            tape.replay()

        return replay, None if result is None else result.detach()

    def random_state(self) -> Tensor:
        return torch.get_rng_state()

    def set_random_state(self, state: Tensor) -> None:
        torch.set_rng_state(state)
