"""Some of the user's own samples that are not trained on, for scores, where the source has no test split."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.parts import rows_of
from ganzoo.errors import GanzooError

FEWEST, MOST = 250, 10_000
"""How many are held out by default: fewer say too little, more say nothing new."""

LARGEST_PART = 0.2
"""What is too small to do without this part of it is trained on as a whole, unless the user wishes otherwise."""


def divide(whole: Dataset, wanted: int | None, split: str) -> Dataset:
    """The split "train" or "test" of a data set whose source has no test split (`Dataset.undivided`).

    wanted: number of held-out samples; None for `default_count`. Raises GanzooError for more than half of them, and for
    the test split if nothing is held out.
    """
    assert whole.undivided is not None
    name, total = whole.spec.name, len(whole.undivided)
    if wanted is not None and wanted > total // 2:
        raise GanzooError(
            f"data.held_out={wanted} is more than half of the {total:,} samples of {name}: use at most {total // 2}."
        )
    count = default_count(total) if wanted is None else wanted
    if not count:
        if split == "train":
            return whole
        possible = min(FEWEST, max(1, total // 5))
        raise GanzooError(
            f"{name} has no test split, and none of its {total:,} samples is held out: train with "
            f"--set data.held_out={possible}, or name a folder with the subfolders train and test."
        )
    held = torch.zeros(total, dtype=torch.bool)
    held[held_out_rows(whole.undivided, count)] = True
    rows = (held if split == "test" else ~held).nonzero()[:, 0]
    note = f"{int(held.sum()):,} of {total:,} samples are held out for scores (data.held_out)"
    return rows_of(whole, [rows], note)


def default_count(total: int) -> int:
    """How many of `total` samples are held out: a tenth, but 250 to 10,000; 0 if that is more than a fifth of them."""
    count = min(max(total // 10, FEWEST), MOST)
    return count if count <= LARGEST_PART * total else 0


def held_out_rows(strata: Tensor, count: int) -> Tensor:
    """Indices of `count` samples, evenly spread over those of each stratum, int64, sorted.

    strata: class number of each sample, int64 `[N]`, or zeros. Each class has its share of them, by largest remainders,
    but keeps one sample. Evenly spread, as files are often sorted by what they show.
    """
    classes, sizes = strata.unique(return_counts=True)
    exact = count * sizes.double() / len(strata)
    quotas = torch.minimum(exact.floor().long(), sizes - 1)
    for _ in range(min(count, len(strata) - len(sizes)) - int(quotas.sum())):
        lacking = (exact - quotas).masked_fill(quotas == sizes - 1, -torch.inf)
        quotas[lacking.argmax()] += 1
    found = []
    for stratum, quota in zip(classes, quotas.tolist(), strict=True):
        rows = (strata == stratum).nonzero()[:, 0]
        found.append(rows[((torch.arange(quota) + 0.5) * len(rows) / max(1, quota)).long()])
    return torch.cat(found).sort().values
