"""Real samples to draw beside generated ones."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.recipes import RunOptions
from ganzoo.runs.run import Run
from ganzoo.runs.source import own_data
from ganzoo.zoo.datasets import load_data


def real_samples(run: Run, count: int) -> Tensor | None:
    """The first samples `[count, *shape]` of a run's training data; None if these cannot be read, or for none."""
    if not count:
        return None
    try:
        data = load_data(own_data(run), RunOptions(**run.options()))
    except GanzooError:
        return None
    return data.batch(torch.arange(min(count, data.count)))["x"].cpu()
