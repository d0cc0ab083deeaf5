"""The contract's checks of what ganzoo registers, with small networks, in two halves that may run side by side."""

from __future__ import annotations

import pytest
from _pytest.mark.structures import ParameterSet

from ganzoo.testing import Case, cases, contract
from ganzoo.zoo import registry

SMALL = {"width": 16, "d_width": 16, "g_hidden": (32, 32), "d_hidden": (32, 32), "style": 16, "channel_base": 128}
SMALL |= {"hidden": 8, "layers": 1, "levels": 2, "bottleneck": 16, "blocks": 2, "standing": 4}
"""The networks' shape matters here, not their size."""

DOWNLOADED = ("mnist", "fashion-mnist", "cifar10", "cifar100", "svhn", "stl10", "stacked-mnist", "celeba")

LARGE = ("3dgan.paper-own data", "ctgan.large-own data", "ctgan.paper-own data")
"""Checks of recipes whose data are large, and whose networks are those of the variant's small recipe."""


def checks(images: bool) -> list[ParameterSet]:
    """The checks of variants of images, or all others.

    A variant's further recipes are checked in full on the shape of their own data; on other shapes, that their updates
    work. The rest of these has the marker `grid`.
    """
    of_images = {str(case) for case in cases() if case.modality == "image"}
    further = {str(case) for case in cases() if is_further(case)}
    found = []
    for check in contract("ganzoo", keys=SMALL, leave_out=DOWNLOADED):
        name, _, what = str(check).rpartition(": ")
        if (name in of_images) == images and (not name.startswith(LARGE) or what == "keys"):
            left_out = name in further and what != "updates"
            found.append(pytest.param(check, id=str(check), marks=[pytest.mark.grid] if left_out else []))
    return found


def is_further(case: Case) -> bool:
    """Whether a case is of a recipe that is not its variant's first, on a shape that is not its data's."""
    return not case.own and case.recipe != next(iter(registry.variants()[case.variant].recipes))
