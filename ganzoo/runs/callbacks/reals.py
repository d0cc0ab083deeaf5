"""reals.png: samples that are trained on, as the networks see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.errors import printable
from ganzoo.pictures.axes import with_heads
from ganzoo.runs.classes import folder_names
from ganzoo.zoo import registry

if TYPE_CHECKING:
    from PIL.Image import Image

    from ganzoo.callbacks import Training

FILE = "reals.png"


def draw_reals(trainer: Training) -> Image | None:
    """A picture of samples that are trained on, as many as a sheet has; None for data that have no picture.

    They are the first ones of the stream of batches; with classes, the first ones of each, in the columns of the sheet,
    with its name and number of samples above.
    """
    stream, dataset = trainer.stream, trainer.stream.dataset
    modality = registry.modality(dataset.spec.modality)
    if not modality.has_picture:
        return None
    count, columns = modality.sheet_size(trainer.gan.classes)
    labels = dataset.arrays.get("y") if columns else None
    wanted = min(count, len(dataset)) if labels is None else len(dataset)
    order = torch.cat([stream.indices(i) for i in range(-(-wanted // stream.size))])
    heads: list[str] = []
    if columns and labels is not None:
        y = torch.as_tensor(labels).cpu()[order % dataset.count]
        order = _in_columns(order, y, columns, count // columns)
        if modality.shows_samples_apart and not set(range(columns)) - set(y.tolist()):
            heads = _heads(dataset, torch.as_tensor(labels), columns)
    x = dataset.batch(order[: min(count, wanted)])["x"]
    real = x if modality.real_in_picture else None
    picture = modality.picture(x, dataset.spec, real=real, columns=columns, title="training data")
    return with_heads(picture, heads) if heads and picture is not None else picture


def _heads(dataset: Dataset, labels: Tensor, columns: int) -> list[str]:
    """The name of each class and the number of its samples."""
    names = folder_names(dataset.spec)
    counts = torch.bincount(labels.cpu().flatten().long(), minlength=columns).tolist()
    return [f"{printable(names[label])}\n{counts[label]:,}" for label in range(columns)]


def _in_columns(order: Tensor, y: Tensor, columns: int, rows: int) -> Tensor:
    """The first samples of each class, row by row, a class in each column; `order` if there are classes without any.

    The samples of a class with fewer than `rows` are repeated.
    """
    found = [order[y == label][:rows] for label in range(columns)]
    if not all(len(part) for part in found):
        return order
    return torch.stack([part[torch.arange(rows) % len(part)] for part in found], 1).flatten()
