"""What a card says of a variant's ancestor: shown by `ganzoo show`, drawn as a tree in the docs."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import pytest
from paths import ROOT

from ganzoo import cli, hookimpl
from ganzoo.zoo import registry
from ganzoo.zoo.zoo import Plugin, Zoo

sys.path.insert(0, str(ROOT / "docs"))
generated = pytest.importorskip("generated", reason="the docs are not in this checkout")


def bundled() -> list[Any]:
    found: list[Any] = generated.own("variants")
    return found


def test_every_bundled_variant_teaches_something_and_is_in_the_tree_once() -> None:
    tree = generated.family_tree(bundled())
    for variant in bundled():
        assert variant.lesson, variant.name
        assert tree.count(f"**[{variant.name}](") == 1
        assert bool(variant.ancestor) == bool(variant.change), variant.name


def test_a_variant_is_below_its_ancestor() -> None:
    root = dataclasses.replace(bundled()[0], ancestor="", change="", lesson="First.")
    leaf = dataclasses.replace(bundled()[1], ancestor=root.name, change="`loss=hinge`", lesson="Second.")
    stray = dataclasses.replace(bundled()[2], ancestor="elsewhere", change="more", lesson="Third.")
    lines = [line for line in generated.family_tree([leaf, stray, root]).splitlines() if "- **" in line]
    assert [line.partition("](")[0] for line in lines] == [
        f"- **[{stray.name}", f"- **[{root.name}", f"    - **[{leaf.name}",
    ]  # fmt: skip
    assert lines[0].endswith("(elsewhere, more): Third.")
    assert lines[2].endswith("(`loss=hinge`): Second.")


def test_show_tells_where_a_variant_comes_from(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", "lsgan"]) == 0
    shown = " ".join(capfd.readouterr().out.split())
    assert "develops: dcgan (`loss=least-squares`)" in shown
    assert f"teaches: {registry.variants()['lsgan'].lesson}" in shown


@pytest.mark.parametrize("field", ["ancestor", "change", "lesson"])
def test_other_values_than_text_are_refused(fresh: Zoo, field: str) -> None:
    card = dataclasses.replace(registry.variants()["lsgan"], name="own", **{field: 3})

    class Own:
        @staticmethod
        @hookimpl
        def ganzoo_variants() -> list[Any]:
            return [card]

    assert f"{field} of the variant 'own'" in fresh.add(Plugin("own", "own", "1.0", Own)).error
