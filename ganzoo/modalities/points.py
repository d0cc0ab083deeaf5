"""Points in a low-dimensional space: `[N, D]`, unbounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.modality import Modality, finite_vectors
from ganzoo.errors import GanzooError
from ganzoo.pictures.plots import scatter
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from PIL.Image import Image


class Points(Modality):
    """Points, plotted over the density of real ones."""

    quick_metrics = ("modes", "mmd")
    scores_while_watched = True
    criteria = ("mmd",)
    example_shapes = ((2,),)
    example_dataset = "points"
    real_in_picture = 20_000

    def picture(
        self,
        x: Tensor,
        spec: DataSpec,
        *,
        real: Tensor | None = None,
        columns: int | None = None,
        title: str = "",
        given: Mapping[str, Tensor] | None = None,
    ) -> Image:
        return scatter(x, x if real is None else real, title)

    def sheet_size(self, classes: int) -> tuple[int, int | None]:
        return 2_000, min(classes, 16) or None

    def reference_split(self, read: Callable[[str], Dataset]) -> str:
        """Held-out points if there are any: they are not trained on, so memorisation is not rewarded."""
        try:
            read("test")
        except GanzooError:
            return "train"
        return "test"

    def vectors(self, x: Tensor) -> Tensor:
        return finite_vectors(x)
