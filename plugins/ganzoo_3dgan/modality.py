"""Voxels: `[N, 1, D, H, W]` in [-1, 1], occupied above 0; uint8 0 and 255 when stored, 0 and 1 when scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool3d

from ganzoo.errors import GanzooError
from ganzoo.modalities import Modality
from ganzoo.recipes import DataSpec

from .formats import as_obj, as_stl, read_shapes
from .render import sheet

if TYPE_CHECKING:
    from PIL.Image import Image

COARSE = 8
"""Voxels on a side of the shapes that the diagnosis compares."""


class Voxels(Modality):
    """Shapes, drawn from above and in front."""

    quick_metrics = ("voxel-fd", "voxel-matching")
    criteria = ("voxel-fd", "voxel-matching")
    example_shapes = ((1, 16, 16, 16), (1, 8, 8, 8))
    example_range = (-1.0, 1.0)
    example_dataset = "voxel-shapes"
    example_size = 8
    shows_samples_apart = True
    value_bytes = 1

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
        return sheet(list(booleans(x)), columns)

    def array(self, x: Tensor) -> np.ndarray:
        return (x > 0).to(torch.uint8).mul(255).cpu().numpy()

    def write_folder(self, x: Tensor, spec: DataSpec, folder: Path, names: Sequence[str] | None = None) -> None:
        """For each shape its voxels as .npz, and its surface as .obj and .stl."""
        folder.mkdir(parents=True, exist_ok=True)
        digits = max(5, len(str(len(x) - 1)))
        for number, shape in enumerate(booleans(x)):
            path = folder / (f"{number:0{digits}d}" if names is None else names[number])
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(path.with_name(f"{path.name}.npz"), voxels=shape)
            path.with_name(f"{path.name}.obj").write_bytes(as_obj(shape))
            path.with_name(f"{path.name}.stl").write_bytes(as_stl(shape))

    def read(self, path: Path, spec: DataSpec) -> tuple[Tensor, list[str]]:
        found = read_shapes(path)
        for name, shape in found:
            if (1, *shape.shape) != spec.shape:
                sizes = ["x".join(str(side) for side in sides) for sides in (shape.shape, spec.shape[1:])]
                raise GanzooError(f"{path}: {name} has {sizes[0]} voxels, and {spec.name} has {sizes[1]}.")
        x = torch.from_numpy(np.stack([shape for _, shape in found])[:, None])
        return x.float() * 2 - 1, [name for name, _ in found]

    def scored(self, x: Tensor) -> Tensor:
        return (x > 0).to(torch.uint8)

    def check_scored(self, x: Tensor) -> None:
        if x.dtype != torch.uint8 or (len(x) and int(x.max()) > 1):
            raise ValueError("voxels to score must be uint8, 0 and 1")

    def default_samples(self, train: int, test: int) -> int:
        return min(10_000, max(1_000, train, test))

    def vectors(self, x: Tensor) -> Tensor:
        """Averaged down to 8x8x8 voxels."""
        x = x.float().nan_to_num(0.0, 0.0, 0.0)
        d, h, w = (min(COARSE, side) for side in x.shape[2:])
        return adaptive_avg_pool3d(x, (d, h, w)).flatten(1)

    def example(self, shape: tuple[int, ...], count: int, generator: torch.Generator) -> Tensor:
        return torch.randint(2, (count, *shape), generator=generator, dtype=torch.uint8) * 255


def booleans(x: Tensor) -> np.ndarray:
    """Samples `[N, 1, D, H, W]` as `[N, D, H, W]`, occupied or not."""
    return (x[:, 0] > 0).cpu().numpy()
