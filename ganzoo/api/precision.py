"""The arithmetic that `--precision auto` means for a recipe."""

from __future__ import annotations

import dataclasses

from ganzoo.machine.bf16 import bf16_units
from ganzoo.machine.launch import choose_device
from ganzoo.recipes import RunOptions
from ganzoo.specs import Variant


def with_precision(options: RunOptions, variant: Variant, recipe_name: str) -> RunOptions:
    """The options with bf16, if `auto` means that: on a CPU with units for it, for a recipe that learns as well in it.

    A run records it, and keeps it wherever it is resumed. Ranks on several machines may have different processors, so
    they stay in fp32.
    """
    wanted = options.precision == "auto" and options.nodes == 1 and recipe_name in variant.bf16
    if not wanted or not bf16_units() or choose_device(options.device).type != "cpu":
        return options
    return dataclasses.replace(options, precision="bf16")


def advice_on_precision(asked: RunOptions, used: RunOptions) -> list[str]:
    """A line for a run whose `auto` became bf16."""
    if used.precision == asked.precision:
        return []
    return [f"precision: {used.precision}, in which this processor is faster (full precision: --precision fp32)"]
