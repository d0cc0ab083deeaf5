"""A data set in memory (or in a memory-mapped file), and the seeded stream of batches over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ganzoo.game import Batch
from ganzoo.specs import DataSpec


class Rows(Protocol):
    """Samples that are made when they are gathered, indexed by a slice or an array of rows as a NumPy array is."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> np.ndarray: ...


Array = Tensor | np.ndarray | Rows
"""A tensor, or a memory-mapped array that is read batch by batch, or what stands for one."""


class Dataset:
    """Samples that can be gathered by index. Subclass it, or pass arrays.

    arrays: each `[N, ...]`; "x" holds the samples, "y" the class numbers. A uint8 array is an image: it is stored as it
    is and mapped to [-1, 1] when gathered. Anything else is passed on as it is.
    flip: the data set counts every image twice, the second time mirrored; so a batch is still a function of its index.
    skipped: names of the files that could not be read.
    """

    def __init__(
        self, arrays: Mapping[str, Array], spec: DataSpec, *, flip: bool = False, skipped: tuple[str, ...] = ()
    ) -> None:
        self.arrays = dict(arrays)
        self.spec = spec
        self.flip = flip
        self.skipped = skipped
        self.count = len(next(iter(self.arrays.values())))
        self.device = torch.device("cpu")

    def __len__(self) -> int:
        return self.count * (2 if self.flip else 1)

    def to(self, device: torch.device) -> Dataset:
        """Move what is held in memory to the device; memory-mapped arrays stay and travel batch by batch."""
        self.device = device
        self.arrays = {name: a.to(device) if isinstance(a, Tensor) else a for name, a in self.arrays.items()}
        return self

    def batch(self, index: Tensor) -> Batch:
        """The samples at `index [N]` (int64, on the CPU), on the device and in the data's range."""
        source = index % self.count if self.flip else index
        where = source.to(self.device, non_blocking=True)
        batch = {name: as_input(self._gather(array, source, where)) for name, array in self.arrays.items()}
        if self.flip:
            mirrored = (index >= self.count).to(self.device)
            x = batch["x"]
            batch["x"] = torch.where(mirrored[:, None, None, None], x.flip(-1), x)
        return batch

    def _gather(self, array: Array, source: Tensor, where: Tensor) -> Tensor:
        if isinstance(array, Tensor):
            return array.index_select(0, where)
        return torch.from_numpy(array[source.numpy()]).to(self.device, non_blocking=True)


def as_input(x: Tensor) -> Tensor:
    """uint8 to float32 in [-1, 1]; everything else unchanged."""
    return x.float().mul_(1 / 127.5).sub_(1) if x.dtype == torch.uint8 else x


def to_uint8(x: Tensor) -> Tensor:
    """Images in [-1, 1] to uint8, rounded and clamped; NaN becomes mid-grey. The inverse of `as_input`."""
    return x.float().nan_to_num(0.0).add(1).mul(127.5).round_().clamp_(0, 255).to(torch.uint8)


class BatchStream:
    """An endless stream of batches in which batch i is a pure function of (seed, i).

    The data are shuffled anew for each epoch and the epochs laid end to end, so no sample is dropped and a batch may be
    larger than the data set.
    """

    def __init__(self, dataset: Dataset, batch: int, seed: int) -> None:
        self.dataset, self.size, self.seed = dataset, batch, seed
        self._orders: dict[int, Tensor] = {}

    def indices(self, i: int) -> Tensor:
        """Which samples batch i holds: `[batch]`, int64."""
        n = len(self.dataset)
        parts, at, left = [], i * self.size, self.size
        while left:
            epoch, offset = divmod(at, n)
            part = self._order(epoch)[offset : offset + left]
            parts.append(part)
            at, left = at + len(part), left - len(part)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def batch(self, i: int, part: int = 0, parts: int = 1) -> Batch:
        """Batch i, or one of equal parts of it (for ranks and for gradient accumulation)."""
        size = self.size // parts
        return self.dataset.batch(self.indices(i)[part * size : (part + 1) * size])

    def _order(self, epoch: int) -> Tensor:
        if epoch not in self._orders:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            # Only the two newest are kept: a batch spans at most two epochs unless it is larger than the data set.
            self._orders = {e: order for e, order in self._orders.items() if e == epoch - 1}
            self._orders[epoch] = torch.randperm(len(self.dataset), generator=generator)
        return self._orders[epoch]
