"""The cases that the loops train: networks and batches of ganzoo's own recipes. Does not import torch."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """A recipe to time.

    recipe: `VARIANT.RECIPE`, whose data set is used if it is found; otherwise the images are random, of this `shape`.
    steps: steps per repetition, chosen so that one takes some tenths of a second on two cores, or a single step.
    repetitions: enough for stable medians. set: keys that override the recipe's.
    """

    name: str
    summary: str
    recipe: str
    shape: tuple[int, int, int]
    steps: int
    repetitions: int
    set: Mapping[str, Any] = field(default_factory=dict)


CASES = {
    case.name: case
    for case in (
        # The loops' game is the plain one, and this recipe has a penalty.
        Case("vanilla", "perceptrons, 28x28", "vanilla.mnist", (1, 28, 28), 20, 30, {"penalties": {}}),
        # As in most tutorials, weights are not averaged.
        Case(
            "vanilla-plain",
            "vanilla without averages",
            "vanilla.mnist",
            (1, 28, 28),
            20,
            30,
            {"penalties": {}, "ema": 0.0},
        ),
        Case("dcgan-28", "DCGAN, width 16, 28x28", "dcgan.mnist", (1, 28, 28), 10, 30),
        Case("dcgan-32", "DCGAN, width 64, 32x32", "dcgan.cifar10", (3, 32, 32), 1, 20),
        Case("dcgan-64", "DCGAN, width 64, 64x64", "dcgan.folder", (3, 64, 64), 1, 10),
        Case("wgan-gp-28", "WGAN-GP, width 16, 28x28", "wgan-gp.mnist", (1, 28, 28), 3, 20),
        Case(
            "wgan-gp-residual-32",
            "WGAN-GP, residual, width 32, 32x32",
            "wgan-gp.cifar10-residual",
            (3, 32, 32),
            1,
            10,
            # With the paper's width, a step takes half a minute on a CPU.
            {"width": 32},
        ),
        Case("conditional", "conditional DCGAN, width 16, 28x28", "conditional.mnist", (1, 28, 28), 10, 30),
    )
}


def parse_cases(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The parsed options, whose `cases` all exist; otherwise the parser reports the available ones and exits."""
    options = parser.parse_args()
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        parser.error(f"no case {unknown[0]!r}: available: {', '.join(CASES)}")
    return options


TUTORIAL, BEST, CHANNELS_LAST, GANZOO = "tutorial", "best", "best, channels-last", "ganzoo"
LOOPS = (TUTORIAL, BEST, CHANNELS_LAST, GANZOO)

PRECISIONS = ("fp32", "bf16")
"""Of the best loop and of ganzoo; the tutorial's is always fp32."""
