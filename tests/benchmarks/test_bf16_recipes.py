"""Which recipes `--precision auto` trains in bf16 follows from what was measured."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks import precision, results
from benchmarks.bundled import bundled_variants


def row(faster: float, bf16: dict[str, list[float]]) -> dict[str, Any]:
    """Of a recipe whose IS in fp32 is 8.0 with a deviation of 0.5, and whose FD is 2.0 with one of 1.0."""
    fp32 = {"IS": [7.5, 8.0, 8.5], "FD": [1.0, 2.0, 3.0]}
    return {"step": {"fp32 / bf16": {"median": faster}}, "quality": {"fp32": fp32, "bf16": fp32 | bf16}}


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (row(1.2, {}), True),
        (row(1.05, {}), False),
        (row(1.2, {"IS": [7.6, 7.6, 7.6]}), True),
        (row(1.2, {"IS": [7.4, 7.4, 7.4]}), False),
        # Its own deviation of 1 allows for more.
        (row(1.2, {"IS": [6.4, 7.4, 8.4]}), True),
        (row(1.2, {"IS": [9.9, 9.9, 9.9], "FD": [0.1, 0.1, 0.1]}), True),
        (row(1.2, {"FD": [3.1, 3.1, 3.1]}), False),
        ({"step": {"fp32 / bf16": {"median": 1.9}}}, False),
    ],
    ids=["as good", "no faster", "within", "worse IS", "within its own", "better", "worse FD", "not trained"],
)
def test_bf16_pays_if_it_is_faster_and_no_worse_than_seeds_differ(measured: dict[str, Any], expected: bool) -> None:
    assert precision.pays(measured) is expected


def test_cards_name_the_recipes_for_which_bf16_pays() -> None:
    found = json.loads((results.FOLDER / "precision.json").read_text("utf-8"))
    named = {f"{name}.{recipe}" for name, variant in bundled_variants().items() for recipe in variant.bf16}
    assert named == {name for name, measured in found["rows"].items() if precision.pays(measured)}
