"""Random numbers of several ranks, drawn for the global batch, so that they do not depend on the number of ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ganzoo.machine.fabric import Fabric
from ganzoo.training.sync_norm import synchronised_batch_norm

SIZED: tuple[Callable[..., Any], ...] = (torch.rand, torch.randn, torch.randint, torch.normal)
"""Draws of a given size."""

IN_PLACE = ("normal_", "uniform_", "bernoulli_", "exponential_", "random_", "log_normal_", "cauchy_", "geometric_")

BY_ROW: tuple[Callable[..., Any], ...] = (
    *(getattr(Tensor, name) for name in IN_PLACE),
    *(torch.rand_like, torch.randn_like, torch.randint_like, torch.normal),
    *(torch.bernoulli, Tensor.bernoulli, torch.multinomial, Tensor.multinomial),
    *(torch.dropout, torch.dropout_, torch.feature_dropout, torch.feature_dropout_, torch.native_dropout),
    *(torch.alpha_dropout, torch.alpha_dropout_, torch.feature_alpha_dropout, torch.feature_alpha_dropout_),
    *(functional.dropout, functional.dropout1d, functional.dropout2d, functional.dropout3d),
    *(functional.alpha_dropout, functional.feature_alpha_dropout, functional.gumbel_softmax),
)
"""Random functions whose row i depends only on row i of their tensors."""

BY_VALUE: tuple[Callable[..., Any], ...] = (
    *(torch.rrelu, torch.rrelu_, functional.rrelu, torch.poisson, torch.binomial),
    *(torch._standard_gamma, torch._sample_dirichlet),
)
"""Such functions for which the number of random numbers depends on the values in the rows."""

SAME_ON_ALL_RANKS = (
    "randperm",
    "_cudnn_rnn",
    "miopen_rnn",
    "gru",
    "lstm",
    "rnn_relu",
    "rnn_tanh",
    "scaled_dot_product_attention",
)
"""Random functions that are left unchanged: they draw the same numbers on all ranks, for rows of different samples."""


class GlobalBatchRandom(TorchFunctionMode):
    """Within this mode, each rank draws the random numbers of the whole batch and keeps those of its own samples.

    All generators must be in the same state on all ranks. Then a rank's draw with a leading dimension of `rows` (or a
    multiple: real and fake samples in one tensor) is its part of the draw that one rank with the global batch would
    make, bit for bit; the ranks' rows follow each other in the order of the ranks. Other draws (such as one number for
    the whole batch) are the same on all ranks, and the same as on a single rank. So are those of `SAME_ON_ALL_RANKS`:
    permutations, and dropout inside recurrent layers and attention. A size that happens to be a multiple of `rows` is
    taken for a batch. After a function of `BY_VALUE` the ranks' generators are in different states, and draws differ
    from those of a single rank until the next seed.

    Statistics over a batch are not affected: plain batch normalisation, minibatch standard deviation, DRAGAN's standard
    deviation of the real samples and means of logits (relativistic losses) are those of a rank's own rows.

    The mode is not active in the backward pass. A forward pass that is repeated there and draws random numbers
    (torch.utils.checkpoint around dropout) fails with torch's error that the recomputed tensors differ.

    Each rank pays for drawing the whole batch. Nothing waits for a device, so the mode can be recorded in a CUDA graph.

    replaced: functions to call in place of others, with the same arguments.
    """

    def __init__(
        self,
        rank: int,
        ranks: int,
        rows: int,
        replaced: Mapping[Callable[..., Any], Callable[..., Any]] | None = None,
        *,
        total: int | None = None,
    ) -> None:
        super().__init__()
        self.rank, self.rows, self.total = rank, rows, total or rows * ranks
        # The first rows of a batch that nobody makes in full: with a single row, any size would be a multiple.
        self.multiples = total is None
        self._actions: dict[Any, Callable[..., Any]] = dict.fromkeys((*BY_ROW, *BY_VALUE), self._by_row)
        self._actions |= dict.fromkeys(SIZED, self._sized)
        for function, other in (replaced or {}).items():
            self._actions[function] = lambda original, args, kwargs, other=other: other(*args, **kwargs)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        action = self._actions.get(func)
        if action is None:
            return func(*args, **(kwargs or {}))
        return action(func, args, kwargs or {})

    def _sized(self, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A draw of a size: `rand(2, 3)`, `rand((2, 3))`, `randint(5, (2, 3))`, `normal(0, 1, size=(2, 3))`."""
        if any(isinstance(arg, Tensor) for arg in args):
            return self._by_row(func, args, kwargs)
        before: tuple[Any, ...] = ()
        if "size" in kwargs:
            before, size = args, kwargs["size"]
        elif args and isinstance(args[-1], Sequence):
            before, size = args[:-1], args[-1]
        else:
            size = args
        if not size or not self._of_batch(size[0]) or kwargs.get("out") is not None:
            return func(*args, **kwargs)
        whole = (size[0] // self.rows * self.total, *size[1:])
        rest = {name: value for name, value in kwargs.items() if name not in ("size", "requires_grad")}
        return self._own(func(*before, whole, **rest)).requires_grad_(kwargs.get("requires_grad", False))

    def _by_row(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the function on the rows of all ranks (those of the others copied from this rank's); keep its own."""
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        dims = max((tensor.dim() for tensor in tensors), default=0)
        widened = {
            id(tensor): self._widen(tensor)
            for tensor in tensors
            if dims and tensor.dim() == dims and self._of_batch(tensor.shape[0])
        }
        if not widened:
            return func(*args, **kwargs)
        result = func(
            *(widened.get(id(value), value) for value in args),
            **{name: widened.get(id(value), value) for name, value in kwargs.items()},
        )
        if isinstance(result, tuple):
            return tuple(self._own(part) for part in result)
        for tensor in tensors:
            whole = widened.get(id(tensor))
            if whole is not None and result is whole:
                # The function worked in place.
                return tensor.copy_(self._own(whole))
        return self._own(result)

    def _of_batch(self, size: int) -> bool:
        return size == self.rows or (self.multiples and size > 0 and size % self.rows == 0)

    def _widen(self, tensor: Tensor) -> Tensor:
        """Each group of rows, repeated to the size of the whole batch."""
        # Not `repeat`, which would lose the memory format, and draws follow the order in memory.
        times = -(-self.total // self.rows)
        return torch.cat([torch.cat([group] * times)[: self.total] for group in tensor.split(self.rows)])

    def _own(self, whole: Tensor) -> Tensor:
        """This rank's rows of each group of rows."""
        groups = whole.split(self.total)
        own = [group.narrow(0, self.rank * self.rows, self.rows) for group in groups]
        return own[0] if len(own) == 1 else torch.cat(own)


def first_rows_random(rows: int, total: int) -> AbstractContextManager[Any]:
    """Within it, `rows` samples get the random numbers of the first of `total` samples."""
    return nullcontext() if rows == total else GlobalBatchRandom(0, 1, rows, total=total)


def part_random(
    fabric: Fabric, rows: int, accumulate: int = 1, sync_batch_norm: bool = False
) -> Callable[[int], AbstractContextManager[Any]]:
    """What to enter around the losses of part number 0 to `accumulate` - 1 of this rank's batch, `rows` samples each.

    Within it, samples get the random numbers that they would get if one rank took the batch as a whole. All parts start
    from the random generators' state before the first.
    sync_batch_norm: batch normalisation takes its statistics over all ranks, too.
    """
    rank, ranks = fabric.global_rank, fabric.world_size
    synchronised = {functional.batch_norm: synchronised_batch_norm} if sync_batch_norm and ranks > 1 else {}
    modes = [
        GlobalBatchRandom(part * ranks + rank, ranks * accumulate, rows, synchronised) for part in range(accumulate)
    ]
    if ranks * accumulate == 1:
        return lambda part: nullcontext()
    if accumulate == 1:
        return lambda part: modes[0]
    before = RandomState(fabric.device)

    @contextmanager
    def enter(part: int) -> Iterator[None]:
        before.restore() if part else before.save()
        with modes[part]:
            yield

    return enter


class RandomState:
    """The state of the random generators that a game on `device` draws from."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._states: list[Tensor] = []

    def save(self) -> None:
        self._states = [torch.get_rng_state()]
        if self.device.type == "cuda":
            self._states.append(torch.cuda.get_rng_state(self.device))

    def restore(self) -> None:
        torch.set_rng_state(self._states[0])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(self._states[1], self.device)
