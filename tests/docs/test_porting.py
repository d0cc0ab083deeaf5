"""docs/porting.md: the script and the plugin run, and define the same GAN."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from doc_examples import FAST, add, room_for_examples
from paths import ROOT
from tutorial import blocks

from ganzoo import cli, testing
from ganzoo.games.losses import NonSaturating
from ganzoo.zoo import registry
from ganzoo.zoo.zoo import Zoo

PAGE = {block.file or block.text: block.text for block in blocks(ROOT / "docs" / "porting.md")}


@pytest.fixture
def zoo() -> Iterator[Zoo]:
    with room_for_examples() as made:
        yield made


def script() -> ModuleType:
    """The script after one epoch of its training."""
    module = ModuleType("train")
    text = PAGE["train.py"]
    assert "EPOCHS = 70\n" in text
    exec(compile(text.replace("EPOCHS = 70\n", "EPOCHS = 1\n"), "train.py", "exec", dont_inherit=True), module.__dict__)
    return module


def test_the_script_and_the_plugin_have_the_same_networks_optimisers_and_loss(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = script()
    assert torch.load("samples.pt").shape == (64, 8, 8)
    add(zoo, PAGE["ganzoo_ported.py"], "ganzoo_ported")
    variant = registry.variants()["ported"]
    recipe = variant.recipes["digits"]
    gan = variant.build(recipe, testing.example_data("image", (1, 8, 8)).spec)
    for network, player, optimiser in (
        (before.generator, "g", before.g_optimiser),
        (before.discriminator, "d", before.d_optimiser),
    ):
        assert [p.shape for p in network.parameters()] == [p.shape for p in gan.players[player].parameters()]
        settings = getattr(recipe, player)
        assert (settings.name, settings.lr, settings.betas) == (
            "adam",
            optimiser.defaults["lr"],
            optimiser.defaults["betas"],
        )
    assert (recipe.batch, recipe.latent) == (before.BATCH, before.LATENT)
    assert abs(recipe.steps - 70 * len(before.loader)) < 100
    logits = torch.linspace(-3, 3, 8)
    target = torch.full_like(logits, 0.9)
    wanted = before.criterion(logits.sigmoid(), target) + before.criterion(logits.sigmoid(), 0 * target)
    assert recipe.loss == "non-saturating"
    torch.testing.assert_close(NonSaturating(**recipe.loss_options).discriminator(logits, logits), wanted)


def test_the_script_runs_as_it_stands(tmp_path: Path) -> None:
    text = PAGE["train.py"].replace("EPOCHS = 70\n", "EPOCHS = 1\n")
    done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("epoch 1: d_loss ")


def test_the_package_registers_the_page_s_modules() -> None:
    points = tomllib.loads(PAGE["pyproject.toml"])["project"]["entry-points"]["ganzoo"]
    assert points == {"ported": "ganzoo_ported"}
    assert 'another entry point, `matching = "ganzoo_matching"`' in (ROOT / "docs" / "porting.md").read_text("utf-8")
    assert all(f"{module}.py" in PAGE for module in (*points.values(), "ganzoo_matching"))


@pytest.mark.parametrize("name", ["ported", "matching"])
def test_a_ported_variant_trains_and_keeps_the_contract(
    name: str, zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    add(zoo, PAGE[f"ganzoo_{name}.py"], f"ganzoo_{name}")
    assert cli.run(["train", name, *FAST]) == 0
    testing.check_variant(registry.variants()[name])
