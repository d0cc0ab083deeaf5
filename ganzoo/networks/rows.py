"""Rows of tables: standardised values, and choices, of which each has one number for every category."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.recipes import DataSpec

Span = tuple[int, int]
"""The first number of a part, and how many there are."""


def row_parts(data: DataSpec) -> tuple[list[int], list[Span]]:
    """Where a row `[D]` has single values, and the spans of its choices, from `DataSpec.note["parts"]`.

    That is a list of `["value", 1]` and `["choice", K]`, in the order of a row's numbers. Raises GanzooError for data
    without it.
    """
    parts: Any = data.note.get("parts")
    if not parts or len(data.shape) != 1 or sum(width for _, width in parts) != data.shape[0]:
        raise GanzooError(f"{data.name} does not say what the numbers of its rows are: use a table, a .csv file.")
    starts = accumulate((width for _, width in parts), initial=0)
    spans = [(kind, start, width) for (kind, width), start in zip(parts, starts, strict=False)]
    values = [start for kind, start, _ in spans if kind == "value"]
    return values, [(start, width) for kind, start, width in spans if kind == "choice"]


class Choices(nn.Module):
    """Functions of the choices in rows `x [N, size]`, all at once."""

    where: Tensor
    back: Tensor

    def __init__(self, spans: Sequence[Span], size: int) -> None:
        super().__init__()
        widest = max((width for _, width in spans), default=0)
        # Position `size` is what narrow choices are filled up with.
        where = torch.full((len(spans), widest), size)
        back = torch.arange(size)
        for row, (start, width) in enumerate(spans):
            where[row, :width] = torch.arange(start, start + width)
            back[start : start + width] = size + row * widest + torch.arange(width)
        self.register_buffer("where", where, persistent=False)
        self.register_buffer("back", back, persistent=False)

    def apart(self, x: Tensor, fill: float = -math.inf) -> Tensor:
        """Each choice by itself, `[N, choices, K]`, filled up to the widest."""
        filled = torch.cat([x, x.new_full((x.shape[0], 1), fill)], 1)
        # Indexing by tensors cannot be recorded for replay, as their shape could depend on values.
        return filled.index_select(1, self.where.flatten()).unflatten(1, self.where.shape)

    def joined(self, x: Tensor, apart: Tensor) -> Tensor:
        """`x` with its choices replaced by those of `apart [N, choices, K]`."""
        return torch.cat([x, apart.flatten(1)], 1).index_select(1, self.back)

    def softmax(self, x: Tensor) -> Tensor:
        """`x` with the softmax of each choice in its place."""
        return self.joined(x, self.apart(x).softmax(2)) if len(self.where) else x

    def hard(self, x: Tensor) -> Tensor:
        """`x` with 1 for the largest number of each choice and 0 for its others; it has no gradient."""
        if not len(self.where):
            return x
        apart = self.apart(x)
        places = torch.arange(apart.shape[2], device=x.device)
        return self.joined(x, (places == apart.argmax(2, keepdim=True)).to(x.dtype))


class RowSoftmax(nn.Module):
    """The last layer of a generator of rows `[N, size]`: values as they are, and the softmax of each choice.

    As in the language model of Gulrajani et al. 2017 (WGAN-GP), section 5, the discriminator is shown probabilities.
    """

    def __init__(self, data: DataSpec) -> None:
        super().__init__()
        self.choices = Choices(row_parts(data)[1], data.shape[0])

    def forward(self, x: Tensor) -> Tensor:
        return self.choices.softmax(x)
