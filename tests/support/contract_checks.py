"""The contract's checks of what ganzoo registers, with small networks, in two parts that may run side by side."""

from __future__ import annotations

from typing import Any

import pytest

from ganzoo.testing import Case, Check, cases, contract
from ganzoo.zoo import registry

SMALL = {"width": 16, "d_width": 16, "g_hidden": (32, 32), "d_hidden": (32, 32), "style": 16, "channel_base": 128}
SMALL |= {"hidden": 8, "layers": 1, "levels": 2, "bottleneck": 16, "blocks": 2, "standing": 4}
"""The networks' shape matters here, not their size."""

DOWNLOADED = ("mnist", "fashion-mnist", "cifar10", "cifar100", "svhn", "stl10", "stacked-mnist", "celeba")

LARGE = ("3dgan.paper-own data", "ctgan.large-own data", "ctgan.paper-own data")
"""Checks of recipes whose data are large, and whose networks are those of the variant's small recipe."""

SLOW = ("metric augmentation", "metric voxel-fd")
"""Checks of metrics that train a network, and have tests of their own."""


def checks(images: bool) -> list[Any]:
    """The checks of variants of images, or all others, as pytest's parameters.

    Recipes of a variant build the same networks, with other values. So the default recipe has all checks, with every
    shape of data, and the others have two with their own data. What is left is the grid, with what is slow:
    `pytest -m grid`.
    """
    every = {str(case): case for case in cases()}
    return [
        pytest.param(check, id=str(check), marks=[] if _always(check, every) else [pytest.mark.grid])
        for check in contract("ganzoo", keys=SMALL, leave_out=DOWNLOADED)
        if _of_images(check, every) == images
        if not str(check).startswith(LARGE) or str(check).endswith(": keys")
    ]


def _of_images(check: Check, every: dict[str, Case]) -> bool:
    case = every.get(str(check).rpartition(": ")[0])
    return case is not None and case.modality == "image"


def _always(check: Check, every: dict[str, Case]) -> bool:
    """Whether a check is not of the grid only."""
    name, _, what = str(check).rpartition(": ")
    if name not in every:
        return str(check) not in SLOW
    case = every[name]
    variant = registry.variants()[case.variant]
    default = registry.datasets().find(variant.recipes[variant.default].data.name).modality
    # Another kind of data is often another network.
    return case.recipe == variant.default or case.modality != default or (case.own and what in ("samples", "updates"))
