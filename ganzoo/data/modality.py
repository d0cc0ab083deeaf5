"""What a kind of data is: how its samples are shown, written, read and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.data import array_files
from ganzoo.data.dataset import Dataset, as_input
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data, DataSpec, Size

if TYPE_CHECKING:
    from PIL.Image import Image


class Modality:
    """A kind of tensor. Every method has a default, so a data set may name a modality that nobody registered.

    The defaults suit samples of any shape that have no picture: they are written to .npz files and scored as they are.

    quick_metrics: metrics computed during training; None for all that are computed by default.
    scores_while_watched: whether `quick_metrics` take so little time that the lab computes them while it plays.
    criteria: metrics, the first computed of which decides which state is the best; if empty, the first score that has
    a direction does.
    example_shapes: shapes that the contract tests build variants for. example_dataset: a data set with such samples,
    which needs no download and no files; "" if there is none.
    example_size: the `data.size` of the examples that metrics are tried on, where small ones are faster.
    shows_samples_apart: whether `picture` shows each sample separately, so that its neighbours can be shown beside it.
    picture_is_text: whether `picture` shows no more than `lines` says, so that pages show the lines alone.
    real_in_picture: how many real samples to pass to `picture`; 0 if it shows none.
    file_endings: of the files that hold many samples, which `write_file` writes: (".csv",).
    value_bytes: bytes of a value of scored samples.
    """

    quick_metrics: tuple[str, ...] | None = None
    scores_while_watched = False
    criteria: tuple[str, ...] = ()
    example_shapes: tuple[tuple[int, ...], ...] = ()
    example_range: tuple[float, float] | None = None
    example_dataset = ""
    example_size: int | None = None
    shows_samples_apart = False
    picture_is_text = False
    real_in_picture = 0
    file_endings: tuple[str, ...] = ()
    value_bytes = 4

    def __init__(self, name: str) -> None:
        self.name = name

    # Pictures

    @property
    def has_picture(self) -> bool:
        """Whether samples can be drawn."""
        return type(self).picture is not Modality.picture

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
        """A picture of the samples `x [N, *shape]` in the data's range, with `real [M, *shape]` if it is given.

        columns: samples per row, if the picture has rows. given: the inputs that the samples were made from, each
        `[N, ...]`; `spec.inputs` describes them. Returns None if this kind of data has no picture.
        """
        return None

    def differences(self, x: Tensor, made: Tensor, spec: DataSpec, captions: Sequence[str]) -> Image | None:
        """A picture of samples `x [N, *shape]`, their reconstructions `made`, where they differ, and a caption of each.

        None if this kind of data has no such picture.
        """
        return None

    def sheet_size(self, classes: int) -> tuple[int, int | None]:
        """How many samples a picture of a training run shows, and in how many columns; with classes, one for each."""
        columns = min(classes, 16) if classes else None
        return (columns or 8) * 8, columns

    def lines(self, x: Tensor, spec: DataSpec) -> list[str] | None:
        """Each sample as a line of text, which sheets then have beside them; None if this kind of data is no text."""
        return None

    # Files

    def array(self, x: Tensor) -> np.ndarray:
        """Samples `[N, *shape]` in the data's range as the array of a .npz file: as a data set would store them."""
        return x.numpy()

    def write_folder(self, x: Tensor, spec: DataSpec, folder: Path, names: Sequence[str] | None = None) -> None:
        """Write each sample to its own file in a new folder. Raises GanzooError if this kind has no such files.

        names: of the files, without ending; by default they are numbered.
        """
        raise GanzooError(f"{self.name} data are not written to a folder: use {self._other_files}.")

    def write_file(self, x: Tensor, spec: DataSpec, path: Path, labels: Tensor | None = None) -> None:
        """Write all samples to one new file, whose ending is one of `file_endings`. labels: their classes, if any."""
        raise GanzooError(f"{self.name} data are not written to {path.suffix} files: use {self._other_files}.")

    @property
    def _other_files(self) -> str:
        return " or ".join([*(f"--to FILE{ending}" for ending in self.file_endings), "--npz FILE"])

    def folder_size(self, folder: Path) -> Size | None:
        """The `data.size` that suits a folder of the user's samples; None if its files differ in size, or have none.

        Raises GanzooError if none of its files can be read.
        """
        return None

    def folder_data(self, folder: Path, spec: DataSpec) -> tuple[Data, str] | None:
        """Data keys that read a folder in the shape of `spec`, and how it is converted ("1x8x8 to 3x28x28", or "").

        None if a folder is not read as a data set, but by `read`.
        """
        return None

    def read(self, path: Path, spec: DataSpec) -> tuple[Tensor, list[str]]:
        """Samples like `spec` from the user's file or folder, in the data's range `[N, *shape]`, and a name for each.

        Raises GanzooError if they cannot be read or have another shape. By default: array x of a .npz file.
        """
        x = torch.from_numpy(np.ascontiguousarray(read_array(path)))
        if tuple(x.shape[1:]) != spec.shape:
            shapes = format_shape(x.shape[1:]), format_shape(spec.shape)
            raise GanzooError(f"{path} has samples of shape {shapes[0]}, and {spec.name} has {shapes[1]}.")
        return as_input(x), [str(number) for number in range(len(x))]

    def read_each(self, path: Path, spec: DataSpec) -> list[tuple[str, Callable[[], Tensor]]]:
        """The user's samples at their own size: a name for each, and what reads it, `[1, ...]` in the data's range.

        Raises GanzooError if there are none; what reads a sample does if it cannot be read.
        """
        raise GanzooError(f"{self.name} data are read at one size only.")

    # Scores

    def scored(self, x: Tensor) -> Tensor:
        """Convert samples in the data's range to the form that metrics expect."""
        return x

    def check_scored(self, x: Tensor) -> None:
        """Raise ValueError for samples that are not in the form that metrics expect."""

    def reference_split(self, read: Callable[[str], Dataset]) -> str:
        """The split that samples are compared with, "train" or "test". `read` raises GanzooError for a missing split.

        "train" is customary in the literature; the test split then shows what a perfect generator would score.
        """
        return "train"

    def default_samples(self, train: int, test: int) -> int:
        """How many samples to draw for a score, given the sizes of the splits."""
        return 10_000

    def data_size(self, spec: DataSpec) -> Size | None:
        """The `data.size` at which to read a folder of real samples, for comparison with samples like `spec`."""
        return None

    def match(self, x: Tensor, spec: DataSpec, whose: str) -> Tensor:
        """Convert scored samples to the shape of the reference. Raises GanzooError if that is not possible.

        whose: how the error message names the samples.
        """
        if tuple(x.shape[1:]) != spec.shape:
            shapes = format_shape(x.shape[1:]), format_shape(spec.shape)
            raise GanzooError(f"{whose} has samples of shape {shapes[0]} and {spec.name} of {shapes[1]}.")
        return x

    # Diagnosis

    def vectors(self, x: Tensor) -> Tensor | None:
        """Samples in the data's range as float32 rows `[N, D]` with meaningful distances; None if there are none."""
        return None

    # Contract tests

    def example(self, shape: tuple[int, ...], count: int, generator: torch.Generator) -> Tensor:
        """Made-up samples `[count, *shape]` as a data set stores them."""
        return torch.randn(count, *shape, generator=generator)


def read_array(path: Path) -> np.ndarray:
    """The samples in a .npz or .npy file. Raises GanzooError if it is none, or has no samples."""
    if path.suffix not in (".npz", ".npy"):
        raise GanzooError(f"{path} cannot be read as samples of this kind: name a .npz file.")
    return array_files.read(array_files.find(str(path)), "train").found["x"]


def format_shape(shape: Any) -> str:
    """A shape as text: 3x32x32."""
    return "x".join(str(n) for n in shape)


def finite_vectors(x: Tensor) -> Tensor:
    """Samples as float32 rows `[N, D]`, with 0 in place of non-finite values."""
    return x.float().nan_to_num(0.0, 0.0, 0.0).flatten(1)
