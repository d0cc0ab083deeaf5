"""A key that a variant's game does not read is refused wherever it could be set, and not shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ganzoo
from ganzoo import cli, hookimpl
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data, TwoPlayerRecipe
from ganzoo.specs import Variant
from ganzoo.zoo.zoo import Plugin, Zoo


def build(recipe: Any, data: Any) -> Any:
    from ganzoo.games import TwoPlayer
    from ganzoo.networks import MLPDiscriminator, MLPGenerator

    g = MLPGenerator(recipe.latent, [8], data.shape, bounded=False)
    return TwoPlayer.from_recipe(g, MLPDiscriminator(data.shape, [8]), recipe, data)


class Own:
    fixes: Any = ("loss", "loss_options", "penalties")

    @staticmethod
    @hookimpl
    def ganzoo_variants() -> list[Variant]:
        recipes = {"points": TwoPlayerRecipe(data=Data(name="points"), steps=2, batch=8, loss="wasserstein")}
        return [Variant("own-loss", "Own.", "none", ("points",), recipes, build, fixes=Own.fixes)]


@pytest.fixture
def zoo(fresh: Zoo) -> Zoo:
    assert fresh.add(Plugin("own", "own", "1.0", Own)).error == ""
    return fresh


LINE = "own-loss has its own loss, so the key would change nothing: leave loss out."


def test_setting_it_is_refused_by_set_by_a_file_and_in_python(
    zoo: Zoo, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('loss = "hinge"\n')
    out = str(tmp_path / "run")
    for words in (["--set", "loss=hinge"], ["--recipe", str(file)]):
        assert cli.run(["train", "own-loss", *words, "--out", out]) == 2
        assert capfd.readouterr().err == f"error: {LINE}\n"
    for values in ({"set": {"loss": "hinge"}}, {"recipe": TwoPlayerRecipe(data=Data(name="points"))}):
        with pytest.raises(GanzooError, match="has its own loss"):
            ganzoo.plan("own-loss", **values)
    with pytest.raises(GanzooError, match="has its own penalties"):
        ganzoo.plan("own-loss", set={"penalties": "r1"})
    assert not (tmp_path / "run").exists()
    assert ganzoo.plan("own-loss", set={"loss": "wasserstein"}).recipe.loss == "wasserstein"


def test_setting_it_on_resuming_is_refused(zoo: Zoo, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "run")
    assert cli.run(["train", "own-loss", "--out", out, "--no-scores"]) == 0
    capfd.readouterr()
    assert cli.run(["resume", out, "--steps", "4", "--set", "loss=hinge"]) == 2
    assert LINE in capfd.readouterr().err
    assert cli.run(["resume", out, "--steps", "4", "--no-scores"]) == 0


def test_it_is_not_shown(zoo: Zoo, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", "own-loss", "--all"]) == 0
    out = capfd.readouterr().out
    assert "latent = 100" in out
    for line in out.splitlines():
        assert not line.startswith(("loss", "penalties"))


@pytest.mark.parametrize(
    ("fixes", "words"),
    [(("los",), "has no key 'los', named in fixes"), ("loss", "fixes of the variant"), (None, "fixes of")],
)
def test_a_card_names_keys_that_exist(fresh: Zoo, fixes: Any, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Own, "fixes", fixes)
    assert words in fresh.add(Plugin("own", "own", "1.0", Own)).error
