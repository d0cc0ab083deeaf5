"""Data sets made from any image data set: edges, grey, segments (pairs) and domains (unpaired)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.common import SPLITS
from ganzoo.data.dataset import Array, Dataset
from ganzoo.data.image_files import prepare, typed_path
from ganzoo.errors import GanzooError, unknown
from ganzoo.recipes import Data, DataSpec
from ganzoo.zoo import registry

from . import make

DEFAULT = "digits"

MEMORY = 1 << 30
"""Bytes up to which what is made from images is made at once and kept."""


class Made:
    """Images that are made from others when they are gathered. make: uint8 `[N, C, H, W]`, and their rows, to uint8."""

    def __init__(self, base: Array, make: Callable[[Tensor, Tensor], Tensor], shape: tuple[int, ...]) -> None:
        self.base, self.make, self.shape = base, make, (len(base), *shape)

    def __len__(self) -> int:
        return len(self.base)

    def __getitem__(self, index: Any, /) -> np.ndarray:
        rows = torch.arange(len(self.base))[index]
        x = torch.from_numpy(np.ascontiguousarray(self.base[rows.numpy()]))
        return self.make(x, rows).numpy()


def edges(data: Data, root: Path, split: str) -> Dataset:
    """The base images, `[C, H, W]`, whose input "source" are their edges, `[1, H, W]`."""
    base = read_base("edges", data, root, split)
    source = made_from(base, lambda x, rows: make.edges(x), (1, *base.spec.shape[1:]))
    return paired("edges", base, base.arrays["x"], source, data)


def grey(data: Data, root: Path, split: str) -> Dataset:
    """The base images in colour, whose input "source" is grey. Grey images are coloured by their class.

    Raises GanzooError for grey images without labels.
    """
    base = read_base("grey", data, root, split)
    one, x = (1, *base.spec.shape[1:]), base.arrays["x"]
    if base.spec.shape[0] > 1:
        return paired("grey", base, x, made_from(base, lambda x, rows: make.luma(x), one), data)
    if not base.spec.classes:
        raise GanzooError(
            f"grey: {base.spec.name} is grey and has no labels to colour it by: choose images in colour "
            "(--dataset grey:cifar10), or labelled ones."
        )
    labels = torch.as_tensor(base.arrays["y"])
    in_colour = made_from(
        base, lambda x, rows: make.coloured(x, labels[rows], base.spec.classes), (3, *base.spec.shape[1:])
    )
    return paired("grey", base, in_colour, x, data)


def segments(data: Data, root: Path, split: str) -> Dataset:
    """The base images, whose input "source" is a map `[3, H, W]` of background and strokes, coloured by class."""
    base = read_base("segments", data, root, split)
    labels = torch.as_tensor(base.arrays["y"]) if base.spec.classes else None
    count = base.spec.classes or 1
    palette = [(0, 0, 0), *make.colours(count)]
    names = base.spec.class_names or tuple(map(str, range(count)))
    names = ("background", *(names if base.spec.classes else ("stroke",)))
    shape = (3, *base.spec.shape[1:])
    source = made_from(base, lambda x, rows: make.segments(x, None if labels is None else labels[rows], palette), shape)
    return paired("segments", base, base.arrays["x"], source, data, map_note(palette, names))


def domains(data: Data, root: Path, split: str) -> Dataset:
    """Unpaired, in RGB: the images of even rows as the input "source", those of odd rows in yellow chalk as "x".

    Of two data sets, `domains:A,B`: the images of A as the input, those of B, all in the size and the channels of B.
    """
    first, comma, second = (data.kind or DEFAULT).partition(",")
    if not comma:
        base = read_base("domains", data, root, split)
        whole = base.arrays["x"]
        if not isinstance(whole, Tensor):
            raise GanzooError("domains keeps images in memory: use --dataset unpaired:PATH for a folder of your own.")
        source, x = (whole[half::2] for half in (0, 1))
        y = torch.as_tensor(base.arrays["y"]) if base.spec.classes else None
        labels = [None if y is None else y[half::2] for half in (0, 1)]
        return unpaired(
            "domains", base.spec, base.spec, make.luma(source).expand(-1, 3, -1, -1), make.chalk(x), labels, data
        )
    bases = [read_base("domains", replace(data, kind=name.strip()), root, split) for name in (first, second)]
    channels = max(base.spec.shape[0] for base in bases)
    height, width = bases[1].spec.shape[1:]
    size = Data(size=(height, width), channels=channels)
    arrays = [torch.as_tensor(np.asarray(base.arrays["x"])) for base in bases]
    source, x = (prepare("domains", array, size) for array in arrays)
    labels = [torch.as_tensor(base.arrays["y"]) if base.spec.classes else None for base in bases]
    return unpaired("domains", bases[0].spec, bases[1].spec, source, x, labels, data)


def read_base(name: str, data: Data, root: Path, split: str, default: str = DEFAULT) -> Dataset:
    """The image data set that `data.kind` names, or else the default, prepared as the other keys say."""
    if split not in SPLITS:
        raise unknown("split", str(split), SPLITS)
    base = data.kind or default
    known = registry.datasets()
    if base not in known and typed_path(base).exists():
        raise GanzooError(f"{name} of your own images: type --dataset {name}:folder --set data.path={base}.")
    spec = known.find(base)
    own = {found.name for found in ganzoo_names()}
    if spec.modality != "image" or base in own:
        raise GanzooError(f"{name} is made from images, and {base} is not plain image data: choose another data set.")
    if data.path and spec.argument != "path":
        raise GanzooError(
            f"{name} of {base} does not read your own files: leave out data.path ({data.path!r}), or "
            f"for your own images type --dataset {name}:folder --set data.path=PATH."
        )
    return spec.load(replace(data, name=base, kind="", flip=False, settings={}), root, split)


def ganzoo_names() -> list[Any]:
    """The data sets of this package, which are not made from each other."""
    from . import ganzoo_datasets

    return ganzoo_datasets()


def made_from(base: Dataset, make: Callable[[Tensor, Tensor], Tensor], shape: tuple[int, ...]) -> Array:
    """Images made from those of a data set: at once if they are in memory and few, else when they are gathered."""
    x = base.arrays["x"]
    if isinstance(x, Tensor) and len(x) * int(np.prod(shape)) <= MEMORY:
        rows = torch.arange(len(x))
        return torch.cat([make(x[part], part) for part in rows.split(2000)])
    return Made(x, make, shape)


def map_note(palette: Any, names: Any = ()) -> dict[str, Any]:
    """The note of an input that is a label map: its colours, their names, and how it is resized."""
    named = {"names": list(names)} if names else {}
    return {"colours": [list(colour) for colour in palette], "resize": "nearest"} | named


def paired(
    name: str, base: Dataset, x: Array, source: Array, data: Data, note: dict[str, Any] | None = None
) -> Dataset:
    """A data set of samples and of what each is made from, with the labels and the lines of their base."""
    spec = base.spec
    input = DataSpec(f"{name} input", "image", tuple(source.shape[1:]), note=note or {})
    arrays: dict[str, Array] = {"x": x, "source": source}
    if spec.classes:
        arrays["y"] = base.arrays["y"]
    return Dataset(
        arrays,
        DataSpec(name, "image", tuple(x.shape[1:]), spec.classes, spec.class_names, inputs={"source": input}),
        flip=data.flip,
        skipped=base.skipped,
        reasons=base.reasons,
        notes=base.notes,
        levels=base.levels,
    )


def unpaired(
    name: str, of_source: DataSpec, of_x: DataSpec, source: Array, x: Array, labels: list[Any], data: Data, **more: Any
) -> Dataset:
    """A data set of samples and of inputs that do not belong to them. labels: of the inputs and of the samples."""
    input = DataSpec("source", "image", tuple(source.shape[1:]), of_source.classes, of_source.class_names)
    spec = DataSpec(
        name,
        "image",
        tuple(x.shape[1:]),
        of_x.classes,
        of_x.class_names,
        inputs={"source": input},
        note={"unpaired": True},
    )
    arrays: dict[str, Array] = {"x": x, "source": source}
    for key, each in zip(("source_y", "y"), labels, strict=True):
        if each is not None:
            arrays[key] = each
    group = [key for key in ("source", "source_y") if key in arrays]
    return Dataset(arrays, spec, groups=[group], flip=data.flip, **more)
