"""The gallery: every sheet that the benchmark copies is on it, the best first."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

sys.path[:0] = [str(ROOT / "docs"), str(ROOT)]
generated = pytest.importorskip("generated", reason="the docs are not in this checkout")
gallery_page = pytest.importorskip("gallery_page", reason="the docs are not in this checkout")


def group(recipe: str, mean: float) -> dict[str, Any]:
    score = {"name": "IS[domain:digits]", "n": 3, "mean": mean, "real": {"mean": 10.0}}
    return {"recipe": recipe, "dataset": "digits", "label": "", "scores": [score], "cpu_seconds": {"mean": 50.4}}


def page(groups: list[dict[str, Any]]) -> str:
    variants = [(variant, generated.page_of(variant)) for variant in generated.own("variants")]
    text: str = gallery_page.gallery_page("note", variants, {"groups": groups}, ROOT)
    return text


def test_every_sheet_of_the_benchmark_is_shown() -> None:
    from benchmarks.gallery import ROWS

    shown = page([])
    for row in ROWS:
        if row.group.endswith(("-digits", "-mnist", "-drums", "-line")):
            assert f"(../{row.picture})" in shown, row.group
            assert (ROOT / row.picture).is_file()


def test_the_best_comes_first_with_its_cost_and_the_unmeasured_last() -> None:
    cells = [
        cell for line in page([group("lsgan.digits", 8.0), group("dcgan.digits", 9.0)]).splitlines()
             if line.startswith("| !") for cell in line.split(" | ")]  # fmt: skip
    assert "dcgan.digits" in cells[0]
    assert "90% in 50 CPU s" in cells[0]
    assert "lsgan.digits" in cells[1]
    assert "CPU s" not in "".join(cells[2:])


def test_a_variant_in_a_folder_of_another_name_has_it_in_its_picture() -> None:
    variants = {variant.name: variant for variant in generated.own("variants")}
    path = Path("plugins/ganzoo_wgan_gp/README.md")
    assert gallery_page.picture_of(path, variants["wgan"], "digits").name == "samples-wgan-digits.png"
    assert gallery_page.picture_of(path, variants["wgan-gp"], "digits").name == "samples-digits.png"
