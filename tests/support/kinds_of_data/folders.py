"""Two of the user's folders as one unpaired data set, and CycleGAN on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec
from ganzoo.specs import DatasetSpec, Variant
from kinds_of_data.domains import CycleRecipe, build


def load(data: Data, root: Path, split: str) -> Any:
    """The 8x8 PNGs of the folders data.path, as "x", and data.second_path, as the input "dark"."""
    import numpy as np
    import torch
    from PIL import Image

    from ganzoo.data.common import check_request
    from ganzoo.data.dataset import Dataset
    from ganzoo.errors import GanzooError

    check_request("pairs", data, split, argument="path", second_path=True)
    if split == "test":
        raise GanzooError("pairs has no test split.")
    found = {}
    for name, path in (("x", data.path), ("dark", data.second_path)):
        images = [np.asarray(Image.open(file)) for file in sorted(Path(path).glob("*.png"))]
        if not images:
            raise GanzooError("name two folders: --dataset pairs:LIGHT --set data.second_path=DARK.")
        found[name] = torch.from_numpy(np.stack(images))[:, None]
    spec = DataSpec("pairs", "image", (1, 8, 8), inputs={"dark": DataSpec("dark", "image", (1, 8, 8))})
    return Dataset(found, spec, groups=[["dark"]])


@hookimpl
def ganzoo_datasets() -> list[DatasetSpec]:
    return [DatasetSpec("pairs", "Two folders.", "none", "image", load, argument="path", downloads=False)]


@hookimpl
def ganzoo_variants() -> list[Variant]:
    recipes = {"own": CycleRecipe(data=Data(name="pairs"), steps=4, batch=4)}
    return [Variant("paired-cycle", "CycleGAN.", "none", ("image",), recipes, build, inputs=("dark",))]
