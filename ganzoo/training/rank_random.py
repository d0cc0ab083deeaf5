"""Random numbers of several ranks, drawn for the global batch: how many ranks there are changes nothing in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ganzoo.training.sync_norm import synchronised_batch_norm

SIZED: tuple[Callable[..., Any], ...] = (torch.rand, torch.randn, torch.randint, torch.normal)
"""Draws of a size that is named."""

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
"""Functions of tensors whose row i depends on row i alone, and on chance."""

BY_VALUE: tuple[Callable[..., Any], ...] = (
    *(torch.rrelu, torch.rrelu_, functional.rrelu, torch.poisson, torch.binomial),
    *(torch._standard_gamma, torch._sample_dirichlet),
)
"""Those that take more or fewer random numbers as the values in the rows are."""

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
"""What draws and is left as it is: the numbers are the same on all ranks, so other rows of the batch get them too."""


class GlobalBatchRandom(TorchFunctionMode):
    """While it is entered, random numbers for the samples of a batch are drawn for all ranks, and each keeps its own.

    All generators must be in the same state on all ranks. Then a rank's draw with a leading dimension of `rows` (or a
    multiple: real and fake samples in one tensor) is the part of the draw that one rank with the global batch would
    make, bit for bit; the ranks' rows follow each other in the order of the ranks. Other draws (one number for the
    whole batch, say) are the same on all ranks, as they are on one. So are those of `SAME_ON_ALL_RANKS`: permutations, and dropout
    inside recurrent layers and attention. A size that is a multiple of `rows` by chance is taken for a batch. After one
    of `BY_VALUE` the ranks' generators are in different states, and draws are not one rank's until they are seeded.

    What is computed over a batch, and not drawn, is not touched: plain batch normalisation, minibatch deviation,
    DRAGAN's deviation of the real samples and averages of logits (relativistic losses) are those of a rank's own rows.

    It is not in force in the backward pass. A forward pass that is repeated there and draws (torch.utils.checkpoint
    around dropout) ends in torch's error that it was another one.

    It costs each rank the drawing of the global batch. Nothing in it waits for a device, so it can be recorded in a
    CUDA graph.

    replaced: functions to call in place of others, with the arguments of those.
    """

    def __init__(
        self, rank: int, ranks: int, rows: int, replaced: Mapping[Callable[..., Any], Callable[..., Any]] | None = None
    ) -> None:
        super().__init__()
        self.rank, self.ranks, self.rows = rank, ranks, rows
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
        whole = (size[0] * self.ranks, *size[1:])
        rest = {name: value for name, value in kwargs.items() if name not in ("size", "requires_grad")}
        return self._own(func(*before, whole, **rest)).requires_grad_(kwargs.get("requires_grad", False))

    def _by_row(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The function of all ranks' rows, the others' filled with this one's: its own are where they would be."""
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
                # It worked in place.
                return tensor.copy_(self._own(whole))
        return self._own(result)

    def _of_batch(self, size: int) -> bool:
        return size > 0 and size % self.rows == 0

    def _widen(self, tensor: Tensor) -> Tensor:
        return torch.cat([group for group in tensor.split(self.rows) for _ in range(self.ranks)])

    def _own(self, whole: Tensor) -> Tensor:
        """This rank's rows of each group of rows."""
        groups = whole.split(self.rows * self.ranks)
        own = [group.narrow(0, self.rank * self.rows, self.rows) for group in groups]
        return own[0] if len(own) == 1 else torch.cat(own)


def global_batch_random(fabric: Fabric, rows: int, sync_batch_norm: bool = False) -> AbstractContextManager[Any]:
    """Entered around losses of `rows` samples, it makes several ranks draw as one would.

    sync_batch_norm: batch normalisation takes its statistics over all ranks, too.
    """
    if fabric.world_size == 1:
        return nullcontext()
    replaced = {functional.batch_norm: synchronised_batch_norm} if sync_batch_norm else {}
    return GlobalBatchRandom(fabric.global_rank, fabric.world_size, rows, replaced)
