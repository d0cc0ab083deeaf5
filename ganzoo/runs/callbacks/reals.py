"""reals.png: samples that are trained on, as the networks see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganzoo.zoo import registry

if TYPE_CHECKING:
    from PIL.Image import Image

    from ganzoo.callbacks import Training

FILE = "reals.png"


def draw_reals(trainer: Training) -> Image | None:
    """A picture of samples that are trained on, as many as a sheet has; None for data that have no picture.

    They are the first ones of the stream of batches; with classes, the first ones of each, in the columns of the sheet.
    """
    stream, dataset = trainer.stream, trainer.stream.dataset
    modality = registry.modality(dataset.spec.modality)
    if not modality.has_picture:
        return None
    count, columns = modality.sheet_size(trainer.gan.classes)
    labels = dataset.arrays.get("y") if columns else None
    wanted = min(count, len(dataset)) if labels is None else len(dataset)
    order = torch.cat([stream.indices(i) for i in range(-(-wanted // stream.size))])
    if columns and labels is not None:
        y = torch.as_tensor(labels).cpu()[order % dataset.count]
        order = _in_columns(order, y, columns, count // columns)
    x = dataset.batch(order[: min(count, wanted)])["x"]
    real = x if modality.real_in_picture else None
    return modality.picture(x, dataset.spec, real=real, columns=columns, title="training data")


def _in_columns(order: Tensor, y: Tensor, columns: int, rows: int) -> Tensor:
    """The first samples of each class, row by row, a class in each column; `order` if there are classes without any.

    The samples of a class with fewer than `rows` are repeated.
    """
    found = [order[y == label][:rows] for label in range(columns)]
    if not all(len(part) for part in found):
        return order
    return torch.stack([part[torch.arange(rows) % len(part)] for part in found], 1).flatten()
