"""Conditions, and the real rows that have what they request (Xu et al. 2019, section 4.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Rows(nn.Module):
    """Which rows have which value of each category; frequencies are in a buffer.

    spans: of the categories among the columns of one-hot rows `[N, C]`. A category of one value is never requested.
    """

    frequencies: Tensor
    starts: Tensor
    requested: Tensor

    def __init__(self, spans: Sequence[tuple[int, int]], used: bool) -> None:
        super().__init__()
        # Without any other category, one of a single value is requested.
        wide = [number for number, (_, width) in enumerate(spans) if width > 1] or list(range(len(spans)))
        self.columns = len(wide) if used else 0
        self.size = sum(width for _, width in spans) if self.columns else 0
        widest = max((width for _, width in spans), default=0)
        frequencies = torch.zeros(len(spans), widest)
        for row, (_, width) in enumerate(spans):
            frequencies[row, :width] = 1 / width
        self.spans = list(spans)
        self.register_buffer("frequencies", frequencies)
        self.register_buffer("starts", torch.tensor([start for start, _ in spans], dtype=torch.int64), persistent=False)
        self.register_buffer("requested", torch.tensor(wide, dtype=torch.int64), persistent=False)
        self.counted = False

    @torch.no_grad()
    def count(self, x: Tensor) -> None:
        """Find the rows of each value in the training data, one-hot `[N, C]`."""
        if not self.columns:
            return
        self.order = torch.zeros(len(self.spans), len(x), dtype=torch.int64, device=x.device)
        self.counts = torch.zeros(*self.frequencies.shape, dtype=torch.int64, device=x.device)
        for row, (start, width) in enumerate(self.spans):
            place = x[:, start : start + width].argmax(1)
            self.order[row] = place.argsort(stable=True)
            self.counts[row, :width] = torch.bincount(place, minlength=width)
        self.first = self.counts.cumsum(1) - self.counts
        self.frequencies.copy_(self.counts / len(x))
        logarithms = (self.counts + 1).double().log()
        self.steps = (logarithms.cumsum(1) / logarithms.sum(1, keepdim=True)).float()
        self.counted = True

    def draw(self, n: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """A random category, a value of it by the logarithm of its frequency, and a row that has it, `[n]` each."""
        column = self.requested.index_select(0, torch.randint(len(self.requested), (n,), device=device))
        place = chosen(self.steps.index_select(0, column), torch.rand(n, device=device))
        count, first = (of.index_select(0, column).gather(1, place[:, None])[:, 0] for of in (self.counts, self.first))
        within = (torch.rand(n, device=device) * count).long().minimum(count - 1)
        return column, place, self.order.flatten().index_select(0, column * self.order.shape[1] + first + within)

    def of(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """A random category of each one-hot row `[N, C]`, and the row's value of it, `[N]` each."""
        column = self.requested.index_select(0, torch.randint(len(self.requested), (len(x),), device=x.device))
        places = torch.stack([x[:, start : start + width].argmax(1) for start, width in self.spans], 1)
        return column, places.gather(1, column[:, None])[:, 0]

    def frequent(self, first: Tensor, second: Tensor) -> Tensor:
        """Conditions `[N, C]` as frequent as in the data, from two uniform numbers `[N]` each."""
        if not self.columns:
            return first.new_zeros(first.shape[0], 0)
        at = (first * len(self.requested)).long().clamp(max=len(self.requested) - 1)
        column = self.requested.index_select(0, at)
        return self.condition(column, chosen(self.frequencies.cumsum(1).index_select(0, column), second))

    def condition(self, column: Tensor, place: Tensor) -> Tensor:
        """The indicator `[N, C]` of values of categories `[N]`."""
        places = torch.arange(self.size, device=column.device)
        return (places == (self.starts.index_select(0, column) + place)[:, None]).float()


def chosen(steps: Tensor, uniform: Tensor) -> Tensor:
    """The place in a cumulative distribution `[N, K]` that uniform numbers `[N]` fall on."""
    # A sum of frequencies may end below 1, and what comes after it does not occur.
    last = steps[:, -1:]
    return (steps <= uniform[:, None].minimum(last * (1 - 1e-6))).sum(1)
