"""docs/networks.md: every public name is on the page, and its example is a variant that works."""

from __future__ import annotations

import re

import torch
from doc_examples import add, room_for_examples
from paths import ROOT

import ganzoo.networks
from ganzoo.recipes import DataSpec
from ganzoo.zoo import registry

PAGE = (ROOT / "docs" / "networks.md").read_text("utf-8")


def test_every_public_name_is_on_the_page_and_no_other() -> None:
    tables = "\n".join(line.rsplit("|", 3)[0] for line in PAGE.splitlines() if line.startswith("| `"))
    named = set(re.findall(r"`(\w+)`", tables + PAGE[PAGE.index("Functions for") : PAGE.index("## What to know")]))
    assert named == set(ganzoo.networks.__all__) - {"NORMS"}


def test_the_example_is_a_variant_that_works() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    with room_for_examples() as zoo:
        add(zoo, code, "projection_example")
        variant = registry.variants()["my-projection"]
        data = DataSpec(name="cifar10", modality="image", shape=(3, 16, 16), classes=3, range=(-1.0, 1.0))
        game = variant.build(variant.recipes["cifar10"], data)
        batch = {"x": torch.randn(4, 3, 16, 16), "y": torch.tensor([0, 1, 2, 0])}
        for phase in game.phases():
            terms = phase.loss(dict(batch))
            terms["loss"].backward()
            assert terms["loss"].isfinite()
        assert game.sample(2, torch.tensor([0, 2])).shape == (2, 3, 16, 16)
