"""Some samples of a data set, as a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from ganzoo.data.dataset import Array, Dataset, take_rows
from ganzoo.game import Batch


def rows_of(dataset: Dataset, rows: Sequence[Tensor], note: str) -> Dataset:
    """The samples of a data set at `rows`, sorted indices for each of its groups, int64; with one note more.

    The arrays of a group keep their rows together. What is on disk stays there.
    """
    arrays: dict[str, Array] = {}
    for group, kept in zip(dataset.groups, rows, strict=True):
        arrays |= {name: take_rows(dataset.arrays[name], kept) for name in group}
    made = Dataset(
        # In the order of the whole.
        {name: arrays[name] for name in dataset.arrays},
        dataset.spec,
        groups=dataset.groups,
        flip=dataset.flip,
        skipped=dataset.skipped,
        reasons=dataset.reasons,
        notes=(*dataset.notes, note),
        levels=dataset.levels,
        digest=None if dataset.digest is None else _digest(dataset.digest, rows[0]),
    )
    return made if type(dataset).batch is Dataset.batch else _Gathered(made, dataset, rows)


def _digest(whole: str, rows: Tensor) -> str:
    """The digest of some samples of a data set, from its own digest and their numbers."""
    return hashlib.sha256(whole.encode() + rows.numpy().astype("<i8").tobytes()).hexdigest()


class _Gathered(Dataset):
    """A part of a data set that gathers its samples in a way of its own."""

    def __init__(self, part: Dataset, whole: Dataset, rows: Sequence[Tensor]) -> None:
        names = ("groups", "flip", "skipped", "reasons", "notes", "levels", "digest")
        super().__init__(part.arrays, part.spec, **{name: getattr(part, name) for name in names})
        self.whole, self.rows = whole, rows

    def to(self, device: torch.device) -> Dataset:
        self.whole.to(device)
        return super().to(device)

    def batch(self, index: Tensor) -> Batch:
        columns = index.unbind(1) if index.ndim == 2 else [index] * len(self.groups)
        found = [self._in_whole(number, column.cpu()) for number, column in enumerate(columns)]
        return self.whole.batch(found[0] if len(found) == 1 else torch.stack(found, 1))

    def _in_whole(self, number: int, index: Tensor) -> Tensor:
        """The numbers in the whole of samples of a group; mirrored ones follow all others in both."""
        rows, index = self.rows[number], index % self.lengths[number]
        mirrored = index >= len(rows)
        count = len(self.whole.arrays[self.groups[number][0]])
        return rows[index % len(rows)] + mirrored * count
