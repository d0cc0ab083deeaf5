"""How text is shown, written, read and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.modalities import Modality
from ganzoo.recipes import DataSpec

from .vocabulary import END, SPECIAL, Coder, tokens_of

if TYPE_CHECKING:
    from PIL.Image import Image

SAMPLES = 1_000
SHOWN = 16
BINS = 512


class Tokens(Modality):
    """Sentences `[L]` of int64 token numbers; number 0 ends a sentence. The vocabulary is in `DataSpec.note`."""

    quick_metrics = ("ngram-jsd", "bleu", "self-bleu", "grammatical")
    criteria = ("ngram-jsd",)
    example_shapes = ()
    example_dataset = "grammar"
    picture_is_text = True
    real_in_picture = SHOWN
    file_endings = (".txt",)
    value_bytes = 8

    def lines(self, x: Tensor, spec: DataSpec) -> list[str]:
        coder = coder_of(spec)
        return [coder.decode(row) for row in x.tolist()]

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
        from .drawing import draw_columns

        lines = self.lines(x, spec)
        if real is None or torch.equal(x, real[: len(x)]):
            return draw_columns({"": lines}, title)
        return draw_columns({"generated": lines, "real": self.lines(real[: len(x)], spec)}, title)

    def sheet_size(self, classes: int) -> tuple[int, int | None]:
        return SHOWN, None

    def write_file(self, x: Tensor, spec: DataSpec, path: Path, labels: Tensor | None = None) -> None:
        path.write_text("".join(f"{line}\n" for line in self.lines(x, spec)), "utf-8", newline="\n")

    def read(self, path: Path, spec: DataSpec) -> tuple[Tensor, list[str]]:
        """Unknown tokens become the unknown one, and what is beyond the longest sentence is cut off."""
        if path.suffix != ".txt":
            return super().read(path, spec)
        from .data import read_lines

        coder = coder_of(spec)
        found = {number: tokens_of(line, coder.level) for number, line in enumerate(read_lines(path), 1)}
        rows = {number: coder.encode(tokens) for number, tokens in found.items() if tokens}
        if not rows:
            raise GanzooError(f"{path} is empty: write a sentence on each line.")
        return torch.tensor(list(rows.values())), [str(number) for number in rows]

    def scored(self, x: Tensor) -> Tensor:
        """With nothing but ends after the first."""
        return torch.where((x == END).cumsum(1) > 0, END, x)

    def check_scored(self, x: Tensor) -> None:
        if x.dtype != torch.int64:
            raise ValueError(f"tokens to score must be int64, not {x.dtype}")

    def reference_split(self, read: Callable[[str], Dataset]) -> str:
        """Held-out sentences if there are any, so that copies of training sentences are not rewarded."""
        try:
            read("test")
        except GanzooError:
            return "train"
        return "test"

    def default_samples(self, train: int, test: int) -> int:
        """As many as there are held-out sentences, within limits, so that real ones can be scored as well."""
        return min(SAMPLES, max(test, 10) if test else SAMPLES)

    def vectors(self, x: Tensor) -> Tensor:
        """How often each token and each pair of adjacent tokens occurs, in `BINS` bins that several may share."""
        x = self.scored(x)
        pairs = torch.cat([x * 31 + 7, x[:, :-1] * 8191 + x[:, 1:] * 127 + 3], 1) % BINS
        known = torch.cat([x != END, x[:, :-1] != END], 1)
        return torch.zeros(len(x), BINS, device=x.device).scatter_add_(1, pairs, known.float())

    def example(self, shape: tuple[int, ...], count: int, generator: torch.Generator) -> Tensor:
        x = torch.randint(1, 8, (count, *shape), generator=generator)
        lengths = torch.randint(1, shape[0] + 1, (count, 1), generator=generator)
        return torch.where(torch.arange(shape[0]) < lengths, x, END)


def coder_of(spec: DataSpec) -> Coder:
    """The coder of data of this kind. Data without a vocabulary, as made up for tests, are written as numbers."""
    (length,) = spec.shape
    note = spec.note or {"level": "words", "tokens": [*SPECIAL["words"], *map(str, range(2, 1000))]}
    return Coder(note, length)
