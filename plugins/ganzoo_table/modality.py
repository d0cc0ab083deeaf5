"""How tables are shown, written, read and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.modalities import Modality
from ganzoo.recipes import DataSpec

from . import csv_files
from .columns import texts_of
from .data import read_like

if TYPE_CHECKING:
    from PIL.Image import Image


class Table(Modality):
    """Rows of a table as numbers `[N, D]`, which `DataSpec.note` describes (see columns.py)."""

    quick_metrics = ("table-quality",)
    criteria = ("table-quality",)
    example_dataset = "wine"
    file_endings = (".csv",)
    real_in_picture = 2_000

    def picture(
        self,
        x: Tensor,
        spec: DataSpec,
        *,
        real: Tensor | None = None,
        columns: int | None = None,
        title: str = "",
        given: Mapping[str, Tensor] | None = None,
    ) -> Image | None:
        from .pictures import draw

        return draw(x, x if real is None else real, spec, title) if "columns" in spec.note else None

    def sheet_size(self, classes: int) -> tuple[int, int | None]:
        return 1_000, None

    def write_file(self, x: Tensor, spec: DataSpec, path: Path, labels: Tensor | None = None) -> None:
        if "columns" not in spec.note:
            raise GanzooError(f"it is not known what the columns of {spec.name} are: use --npz FILE.")
        columns = spec.note["columns"]
        rows = texts_of(x.numpy(), columns)
        csv_files.write(path, [column["name"] for column in columns], rows, spec.note.get("delimiter", ","))

    def read(self, path: Path, spec: DataSpec) -> tuple[Tensor, list[str]]:
        if path.suffix.lower() != ".csv":
            return super().read(path, spec)
        x = read_like(path, spec)
        return x, [str(number) for number in range(1, len(x) + 1)]

    def reference_split(self, read: Callable[[str], Dataset]) -> str:
        """Held-out rows if there are any: they are not trained on, so copies of training rows are not rewarded."""
        try:
            read("test")
        except GanzooError:
            return "train"
        return "test"

    def default_samples(self, train: int, test: int) -> int:
        """As many as there are training rows, which are scored beside them."""
        return max(10, min(train, 10_000))

    def vectors(self, x: Tensor) -> Tensor:
        return x.float().nan_to_num(0.0, 0.0, 0.0)
