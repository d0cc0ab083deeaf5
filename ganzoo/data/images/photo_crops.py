"""Crops of the two photographs that come with scikit-learn: colour, texture and edges, and no download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ganzoo.data.common import check_request, file_of_scikit_learn, image_dataset
from ganzoo.data.dataset import Dataset
from ganzoo.data.resize import prepare
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data

SIDE = 64
PHOTOS = {"pagoda": "china.jpg", "dahlia": "flower.jpg"}
"""The files of both classes, 640x427 pixels."""

HELD_OUT = (256, 384)
"""Columns of both photographs that are in no training crop: a part of the pagoda, half of the dahlia."""

STEP = {"train": 8, "test": 16}
"""Pixels from one crop to the next; neighbours overlap."""

PLAIN = 16.0
"""Standard deviation of a crop's pixels, in 0 to 255, up to which it is left out: sky and dark background."""


def load(data: Data, root: Path, split: str) -> Dataset:
    """The crops, `[3, 64, 64]`, 2 classes: 2,391 for training, 202 for testing, which share no pixel with these.

    `root` is not used. Raises GanzooError for a kind, a path, an unknown split, channels other than 1 and 3, and if
    scikit-learn was installed without its photographs.
    """
    check_request("photo-crops", data, split)
    crops, labels = [], []
    for label, file in enumerate(PHOTOS.values()):
        found = list(_crops(_photo(file), split))
        crops += found
        labels += [label] * len(found)
    # In random order, as the first ones are drawn. NumPy guarantees the stream of RandomState.
    order = np.random.RandomState(0).permutation(len(crops))
    images = torch.from_numpy(np.stack(crops)[order]).permute(0, 3, 1, 2).contiguous()
    return image_dataset(
        "photo-crops",
        prepare("photo-crops", images, data),
        data,
        labels=torch.tensor(labels)[order],
        class_names=tuple(PHOTOS),
    )


def _crops(photo: np.ndarray, split: str) -> Iterator[np.ndarray]:
    """The squares of a photograph `[H, W, 3]` that belong to a split and are not plain, row by row."""
    height, width = photo.shape[:2]
    inside = [HELD_OUT] if split == "test" else [(0, HELD_OUT[0]), (HELD_OUT[1], width)]
    for top in range(0, height - SIDE + 1, STEP[split]):
        for start, end in inside:
            for left in range(start, end - SIDE + 1, STEP[split]):
                crop = photo[top : top + SIDE, left : left + SIDE]
                if crop.std((0, 1)).mean() > PLAIN:
                    yield crop


def _photo(file: str) -> np.ndarray:
    """A photograph, uint8 `[H, W, 3]`, from scikit-learn's folder, as importing it takes seconds."""
    path = file_of_scikit_learn(f"images/{file}")
    if path is None:
        raise GanzooError(
            f"photo-crops: this scikit-learn has no {file}: install it with pip, or name other data, as "
            "--dataset lowres:digits."
        )
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
