"""A data set in memory (or in a memory-mapped file), and the seeded stream of batches over it."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.levels import Levels
from ganzoo.data.memo import Memo
from ganzoo.errors import GanzooError
from ganzoo.game import Batch, LazyBatch
from ganzoo.machine.seeds import mixed_seed
from ganzoo.recipes import DataSpec


class Rows(Protocol):
    """Samples that are computed when they are gathered; indexed like a NumPy array, by a slice or an array of rows."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> np.ndarray: ...


Array = Tensor | np.ndarray | Rows
"""A tensor, a memory-mapped array that is read batch by batch, or rows that are computed on demand."""


class Chosen:
    """Some rows of an array, read when they are gathered. rows: their numbers in it, int64 `[N]`."""

    def __init__(self, array: np.ndarray | Rows, rows: np.ndarray) -> None:
        self.array, self.rows = array, rows

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.array.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any, /) -> np.ndarray:
        return np.asarray(self.array[self.rows[index]])


def take_rows(array: Array, rows: Tensor) -> Array:
    """The rows of an array at `rows`, int64 `[N]`: copied if they are in memory, else read when they are gathered."""
    if isinstance(array, Tensor):
        return array.index_select(0, rows.to(array.device))
    numbers = rows.cpu().numpy()
    if isinstance(array, Chosen):
        return Chosen(array.array, array.rows[numbers])
    in_memory = isinstance(array, np.ndarray) and not _is_mapped(array)
    return array[numbers] if in_memory else Chosen(array, numbers)


def _is_mapped(array: np.ndarray) -> bool:
    """Whether an array is on disk, itself or as a view of another."""
    seen: Any = array
    while isinstance(seen, np.ndarray) and not isinstance(seen, np.memmap):
        seen = seen.base
    return isinstance(seen, np.memmap)


def base_of(array: Array) -> Array:
    """The array that rows were chosen from; any other array itself."""
    return array.array if isinstance(array, Chosen) else array


class Dataset:
    """Samples that can be gathered by index. Subclass it, or pass arrays.

    arrays: each `[N, ...]`; "x" holds the samples, "y" the class numbers. uint8 arrays are images: they are stored as
    they are and scaled to [-1, 1] when gathered. All other arrays are passed on unchanged.
    groups: names of arrays for each part of data whose parts do not belong together (unpaired domains) and may have
    different lengths. Each group is shuffled on its own, and an epoch is over when the longest has been seen. Arrays
    that are not named form the first group; by default all do.
    flip: every image counts twice, the second time mirrored, so that a batch is still a function of its indices. So do
    inputs that are images, together with the samples that they belong to.
    skipped: names of the files that could not be read; reasons: one for each of them, or none. notes: lines on how the
    data were interpreted. levels: the values of black and white, if they had to be determined. digest: of the samples,
    in hexadecimal, if it is known without reading them. undivided: class number of each sample (zeros without classes),
    int64 `[N]`, if the source has no test split and some samples may be held out (data.held_out); they must not depend
    on data.labels.

    `memo` caches values computed from the samples, such as their features. `read_split` reads another split of the same
    data; whoever read this one sets it.
    """

    def __init__(
        self,
        arrays: Mapping[str, Array],
        spec: DataSpec,
        *,
        groups: Sequence[Sequence[str]] = (),
        flip: bool = False,
        skipped: tuple[str, ...] = (),
        reasons: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
        levels: Levels | None = None,
        digest: str | None = None,
        undivided: Tensor | None = None,
    ) -> None:
        self.arrays = dict(arrays)
        self.spec = spec
        self.flip = flip
        self.skipped = skipped
        self.reasons = reasons
        self.notes = notes
        self.levels = levels
        self.digest = digest
        self.undivided = undivided
        self.groups = grouped(self.arrays, groups)
        # What is no DataSpec is reported by who asked for the data.
        inputs = spec.inputs if isinstance(spec, DataSpec) else {}
        self.mirrored = {"x"} | {name for name in inputs if name in self.arrays and is_uint8(self.arrays[name])}
        self.count = len(self.arrays[self.groups[0][0]])
        self.device = torch.device("cpu")
        self.memo = Memo()
        self.read_split: Callable[[str], Dataset] | None = None
        self._prefetched: set[tuple[int, int]] = set()

    def __len__(self) -> int:
        return max(self.lengths)

    @property
    def lengths(self) -> list[int]:
        """The number of samples in each group, mirrored ones included. `count` is that of the first without these."""
        return [len(self.arrays[group[0]]) * (1 + self._is_mirrored(group)) for group in self.groups]

    def _is_mirrored(self, group: Sequence[str]) -> bool:
        return self.flip and not self.mirrored.isdisjoint(group)

    def held_out(self) -> Dataset:
        """The test split that belongs to this data set, read once; the data set itself if there is none."""
        read = self.read_split

        def find() -> Dataset:
            try:
                return self if read is None else read("test")
            except GanzooError:
                return self

        return self.memo.once("held out", find)

    def to(self, device: torch.device) -> Dataset:
        """Move arrays in memory to the device; memory-mapped arrays stay on disk and are copied batch by batch."""
        self.device = device
        self.arrays = {name: a.to(device) if isinstance(a, Tensor) else a for name, a in self.arrays.items()}
        return self

    @property
    def resident(self) -> bool:
        """Whether all samples are on the device, so that `batch` accepts indices on it and does not need the host."""
        gathers_itself = type(self).batch is not Dataset.batch
        return not gathers_itself and all(isinstance(array, Tensor) for array in self.arrays.values())

    def batch(self, index: Tensor) -> Batch:
        """The samples at `index [N]`, on the device and in the data's range; gathered when they are first read.

        index: int64, on the CPU; for a resident data set it may also be on the device, and then the host never waits.
        With several groups it is `[N, groups]`, or `[N]` for the same index, modulo its length, in each.
        """
        if not self.resident and len(index):
            requested = _request(index)
            if requested not in self._prefetched:
                self._read_ahead(index)
            self._prefetched.discard(requested)
        rows = self._rows(index)
        where = [source.to(self.device, non_blocking=True) for source in rows]
        group_of = {name: number for number, group in enumerate(self.groups) for name in group}

        def gather(name: str) -> Tensor:
            number = group_of[name]
            part = self._gather(self.arrays[name], rows[number], where[number])
            if self.flip and name in self.mirrored:
                # Before the conversion to float, which takes four times the memory.
                own = index if index.ndim == 1 else index[:, number]
                mirrored = (own % self.lengths[number] >= len(self.arrays[name])).to(self.device, non_blocking=True)
                part = torch.where(mirrored.view(-1, *[1] * (part.ndim - 1)), part.flip(-1), part)
            return as_input(part)

        return LazyBatch(len(index), self.arrays, gather)

    def _rows(self, index: Tensor) -> list[Tensor]:
        """The rows of the arrays of each group, `[N]` each."""
        if len(self.groups) == 1:
            return [index % self.count if self.flip else index]
        columns = index.unbind(1) if index.ndim == 2 else [index] * len(self.groups)
        counts = [len(self.arrays[group[0]]) for group in self.groups]
        return [column % count for column, count in zip(columns, counts, strict=True)]

    def prefetch(self, index: Tensor) -> None:
        """Start reading the samples at `index [N]` from disk, if they are stored there, before they are gathered.

        It returns immediately and does not affect any batch.
        """
        if any(isinstance(base_of(array), np.memmap) for array in self.arrays.values()) and len(index):
            self._read_ahead(index)
            self._prefetched.add(_request(index))

    def _read_ahead(self, index: Tensor) -> None:
        for group, rows in zip(self.groups, self._rows(index), strict=True):
            for name in group:
                array, base = self.arrays[name], base_of(self.arrays[name])
                if isinstance(base, np.memmap):
                    numbers = rows.cpu().numpy()
                    read_ahead(base, (array.rows[numbers] if isinstance(array, Chosen) else numbers).tolist())

    def _gather(self, array: Array, source: Tensor, where: Tensor) -> Tensor:
        if isinstance(array, Tensor):
            return array.index_select(0, where)
        found = torch.from_numpy(array[source.numpy()])
        # A copy from memory that is not pinned would make the host wait for the device.
        found = found.pin_memory() if self.device.type == "cuda" else found
        return found.to(self.device, non_blocking=True)


def is_uint8(array: Array) -> bool:
    """Whether an array holds bytes, and so images."""
    return array[:1].dtype in (torch.uint8, np.uint8)


def grouped(arrays: Mapping[str, Array], groups: Sequence[Sequence[str]]) -> list[list[str]]:
    """The names of arrays in each group, the first of which has those that `groups` does not name.

    Raises ValueError for a group without arrays, a name that is unknown or in two groups, and arrays of different
    lengths in one group.
    """
    named = [name for group in groups for name in group]
    if len(set(named)) < len(named) or not all(groups) or not set(named) <= set(arrays):
        raise ValueError(f"groups {groups} of the arrays {list(arrays)}: name each array once")
    rest = [name for name in arrays if name not in named]
    found = [list(group) for group in ([rest] if rest else []) + [list(group) for group in groups]]
    for group in found:
        lengths = {name: len(arrays[name]) for name in group}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"arrays of different lengths, {lengths}: if they do not belong together, name groups")
    return found


def _request(index: Tensor) -> tuple[int, int]:
    return int(index.flatten()[0]), len(index)


def read_ahead(array: np.memmap, rows: Sequence[int]) -> None:
    """Advise the system to read these rows of a memory-mapped array: it then reads exactly their pages, in parallel.

    Without this advice, pages are read one after the other on access, each with its neighbours.
    """
    pages = array.base
    if not isinstance(pages, mmap.mmap) or not array.flags.c_contiguous or not hasattr(mmap, "MADV_WILLNEED"):
        return
    first, width = array.offset % mmap.ALLOCATIONGRANULARITY, array.strides[0]
    # It is only advice: a file system that ignores it reads the pages on access.
    with contextlib.suppress(OSError):
        for row in rows:
            start = first + row * width
            page = start - start % mmap.PAGESIZE
            pages.madvise(mmap.MADV_WILLNEED, page, start + width - page)


def as_input(x: Tensor) -> Tensor:
    """uint8 to float32 in [-1, 1]; other types unchanged."""
    return x.float().mul_(1 / 127.5).sub_(1) if x.dtype == torch.uint8 else x


def to_uint8(x: Tensor) -> Tensor:
    """Images in [-1, 1] to uint8, rounded and clamped; NaN becomes mid-grey. The inverse of `as_input`."""
    return x.float().nan_to_num(0.0).add(1).mul(127.5).round_().clamp_(0, 255).to(torch.uint8)


class BatchStream:
    """An endless stream of batches in which batch i is a pure function of (seed, i).

    The data are reshuffled for each epoch and the epochs concatenated, so no sample is dropped and a batch may be
    larger than the data set.
    """

    def __init__(self, dataset: Dataset, batch: int, seed: int) -> None:
        self.dataset, self.size, self.seed = dataset, batch, seed
        self._names: list[str] = []
        self._orders: dict[tuple[int, int], Tensor] = {}

    def indices(self, i: int) -> Tensor:
        """Indices of the samples of batch i: `[batch]`, int64, or `[batch, groups]` for data of several groups."""
        return self._between(i * self.size, (i + 1) * self.size)

    def _between(self, start: int, end: int) -> Tensor:
        """Indices of the samples from `start` to `end` in the concatenated epochs, as `indices` returns them."""
        columns = [self._of_group(number, start, end) for number in range(len(self.dataset.groups))]
        return columns[0] if len(columns) == 1 else torch.stack(columns, 1)

    def _of_group(self, number: int, start: int, end: int) -> Tensor:
        """The same in one group, which has epochs of its own."""
        n = self.dataset.lengths[number]
        parts = []
        while start < end:
            epoch, offset = divmod(start, n)
            taken = min(end - start, n - offset)
            parts.append(self._order(number, epoch)[offset : offset + taken])
            start += taken
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def batch(self, i: int, part: int = 0, parts: int = 1) -> Batch:
        """Batch i, or one of several equal parts of it (for ranks and for gradient accumulation)."""
        return self.dataset.batch(self.part(i, part, parts))

    def part(self, i: int, part: int, parts: int) -> Tensor:
        """Indices of the samples of one of the equal parts of batch i: `[batch / parts]`, int64."""
        return self.part_from(i * self.size, part, parts)

    def part_from(self, start: int, part: int, parts: int, batch: int | None = None) -> Tensor:
        """Indices of `part` of the batch that begins with sample number `start` of the stream.

        batch: its size, if it is another than that of the stream. For data on disk, it also starts reading the same
        part of the next batch.
        """
        batch = batch or self.size
        size = batch // parts
        start += part * size
        index = self._between(start, start + size)
        if not self.dataset.resident:
            self.dataset.prefetch(self._between(start + batch, start + batch + size))
        return index

    def inputs(self, start: int, parts: Sequence[int], of: int, batch: int | None = None) -> list[Tensor]:
        """The tensors from which `batches` makes parts of a batch: indices for a resident data set, else the samples.

        start: the batch's first sample, counted from the beginning of the stream. parts: indices of the parts, out of
        `of` equal ones. batch: as in `part_from`.
        """
        indices = [self.part_from(start, part, of, batch) for part in parts]
        if self.dataset.resident:
            return [index.to(self.dataset.device, non_blocking=True) for index in indices]
        batches = [self.dataset.batch(index) for index in indices]
        self._names = list(batches[0])
        return [batch[name] for batch in batches for name in self._names]

    def batches(self, inputs: Sequence[Tensor]) -> list[Batch]:
        """The parts that `inputs` describe."""
        if self.dataset.resident:
            return [self.dataset.batch(index) for index in inputs]
        width = len(self._names)
        return [dict(zip(self._names, inputs[at : at + width], strict=True)) for at in range(0, len(inputs), width)]

    def _order(self, number: int, epoch: int) -> Tensor:
        """The order of a group's samples in an epoch: a function of (seed, group, epoch)."""
        key = (number, epoch)
        if key not in self._orders:
            of_group = (number,) if number else ()
            generator = torch.Generator().manual_seed(mixed_seed("order", self.seed, epoch, *of_group))
            # Only the two newest are kept: a batch spans at most two epochs, unless it is larger than the data set.
            self._orders = {k: order for k, order in self._orders.items() if k[0] != number or k[1] == epoch - 1}
            self._orders[key] = torch.randperm(self.dataset.lengths[number], generator=generator)
        return self._orders[key]
