"""Series `[N, T, F]`: shown as lines beside real ones, written to and read from .csv files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.modalities import Modality
from ganzoo.recipes import DataSpec

from .columns import columns_of
from .data import read_like
from .files import write_many, write_one
from .pictures import draw

SHOWN = 8
STATISTICS = 256
"""Samples of a picture of one column, whose distribution is drawn too."""


class Series(Modality):
    """Time series of any length and any number of columns."""

    quick_metrics = ("series-mmd", "autocorrelation", "volatility", "tails")
    criteria = ("series-mmd",)
    example_shapes = ((12, 2), (16, 1))
    example_range = (-1.0, 1.0)
    example_dataset = "sines"
    real_in_picture = STATISTICS
    file_endings = (".csv",)

    def picture(
        self,
        x: Tensor,
        spec: DataSpec,
        *,
        real: Tensor | None = None,
        columns: int | None = None,
        title: str = "",
        given: Mapping[str, Tensor] | None = None,
    ) -> Any:
        """Lines: real series in the left half and generated ones in the right, in the data's own units."""
        of = columns_of(spec)
        names = spec.class_names or tuple(str(number) for number in range(columns or 0))
        values, true = (of.in_units(part.detach().cpu().numpy()) for part in (x, x[:0] if real is None else real))
        return draw(values, true, of.names, names[:columns] if columns else (), title)

    def sheet_size(self, classes: int) -> tuple[int, int | None]:
        columns = min(classes, 8) or None
        return (columns * 4 if columns else STATISTICS), columns

    def write_folder(self, x: Tensor, spec: DataSpec, folder: Path, names: Sequence[str] | None = None) -> None:
        """A .csv file per series, with the columns and units of the data."""
        of = columns_of(spec)
        folder.mkdir(parents=True, exist_ok=True)
        for number, rows in enumerate(of.in_units(x.numpy())):
            file = folder / f"{f'{number:05d}' if names is None else names[number]}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            write_one(file, rows, of)

    def write_file(self, x: Tensor, spec: DataSpec, path: Path, labels: Tensor | None = None) -> None:
        """All series in one .csv file, numbered by its first column."""
        of = columns_of(spec)
        names = spec.class_names or [str(number) for number in range(spec.classes)]
        classes = [] if labels is None else [names[label] for label in labels.tolist()]
        write_many(path, of.in_units(x.numpy()), of, classes)

    def read(self, path: Path, spec: DataSpec) -> tuple[Tensor, list[str]]:
        if path.suffix in (".npz", ".npy"):
            return super().read(path, spec)
        if not path.exists():
            raise GanzooError(f"{path} does not exist: name a .csv file or a folder of these.")
        of = columns_of(spec)
        values, names = read_like(path, spec, of)
        return torch.from_numpy(of.scaled(values)), names

    def default_samples(self, train: int, test: int) -> int:
        """As many as are held out, so that the scores of real data are comparable, but at most 2,000."""
        return max(10, min(2_000, test or train))

    def vectors(self, x: Tensor) -> Tensor:
        return x.float().nan_to_num(0.0, 0.0, 0.0).flatten(1)

    def example(self, shape: tuple[int, ...], count: int, generator: torch.Generator) -> Tensor:
        return torch.tanh(torch.randn(count, *shape, generator=generator))
