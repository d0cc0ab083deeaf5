"""The contract's checks of what ganzoo registers, with small networks, in two parts that may run side by side."""

from __future__ import annotations

from ganzoo.testing import Check, cases, contract

SMALL = {"width": 16, "d_width": 16, "g_hidden": (32, 32), "d_hidden": (32, 32), "style": 16, "channel_base": 128}
SMALL |= {"hidden": 8, "layers": 1, "levels": 2, "bottleneck": 16, "blocks": 2, "standing": 4}
"""The networks' shape matters here, not their size."""

DOWNLOADED = ("mnist", "fashion-mnist", "cifar10", "cifar100", "svhn", "stl10", "stacked-mnist", "celeba")

LARGE = ("3dgan.paper-own data", "ctgan.large-own data", "ctgan.paper-own data")
"""Checks of recipes whose data are large, and whose networks are those of the variant's small recipe."""


def checks(images: bool) -> list[Check]:
    """The checks of variants of images, or all others."""
    of_images = {str(case) for case in cases() if case.modality == "image"}
    return [
        check
        for check in contract("ganzoo", keys=SMALL, leave_out=DOWNLOADED)
        if (str(check).rpartition(": ")[0] in of_images) == images
        if not str(check).startswith(LARGE) or str(check).endswith(": keys")
    ]
