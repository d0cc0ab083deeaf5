"""Every variant keeps the contract; and the contract says what is wrong with one that does not."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import games
import pytest
import torch
from torch import Tensor, nn

from ganzoo import plugins, registry
from ganzoo.game import GAN, Batch, Terms
from ganzoo.specs import Recipe, Variant
from ganzoo.testing import (
    Case,
    cases,
    check_card,
    check_case,
    check_resume,
    check_samples,
    check_updates,
    example_data,
)

WIDTH = 16
"""The networks' shape matters here, not their size."""


def chosen() -> list[Case]:
    """All cases, but the largest images only for a variant's default recipe."""
    defaults = {name: variant.default for name, variant in registry.variants().items()}
    return [case for case in cases() if case.shape[-1] < 64 or case.recipe == defaults[case.variant]]


@pytest.mark.parametrize("case", chosen(), ids=str)
def test_variant(case: Case) -> None:
    recipe = registry.variants()[case.variant].recipes[case.recipe]
    check_case(case, {"width": min(WIDTH, recipe.width)} if hasattr(recipe, "width") else {})


@pytest.mark.parametrize("name", registry.variants())
def test_card(name: str) -> None:
    check_card(registry.variants()[name])


def test_every_variant_has_cases() -> None:
    assert {case.variant for case in chosen()} == set(registry.variants())


# Variants that break it, and what they are told.


def variant(build: Callable[[Any, Any], GAN], recipe: Recipe | None = None) -> tuple[Variant, Recipe]:
    recipe = recipe or games.PlainRecipe(steps=4, batch=4)
    return Variant("bad", "Bad.", "None.", ("points", "image"), {"points": recipe}, build), recipe


class Simple(games.GrowingGame):
    """The growing game keeps the contract; each class below breaks one clause of it."""


class WrongShape(Simple):
    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        return super().sample(n)[:, :1]


class OneSample(Simple):
    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        return super().sample(1).expand(n, -1)


class NotFinite(Simple):
    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        return super().sample(n) / 0


class LoudImages(Simple):
    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        return 100 * torch.randn(n, 1, 8, 8)


class IdleWeight(Simple):
    def __init__(self) -> None:
        super().__init__()
        self.players["d"].register_parameter("forgotten", nn.Parameter(torch.zeros(2)))


class Meddler(Simple):
    def judge(self, batch: Batch) -> Terms:
        with torch.no_grad():
            self.players["g"].first.weight.mul_(0.9)
        return super().judge(batch)


class Memory(Simple):
    """Its loss depends on a count that no checkpoint holds."""

    count = 0

    def fool(self, batch: Batch) -> Terms:
        self.count += 1
        return {name: term * self.count for name, term in super().fool(batch).items()}


class FrozenPart(Simple):
    def __init__(self) -> None:
        super().__init__()
        self.players["d"][0].bias.requires_grad_(False)


BAD: dict[str, tuple[type[GAN], Callable[..., None], str]] = {
    "wrong shape": (WrongShape, check_samples, r"bad: sample\(5\) returned \(5, 1\), not \(5, 2\)"),
    "one sample": (OneSample, check_samples, "bad: different latents draw the same sample"),
    "not finite": (NotFinite, check_samples, "bad: fresh networks draw values that are not finite"),
    "idle weight": (IdleWeight, check_updates, r"bad: no phase sends a gradient to d\.forgotten"),
    "meddling phase": (Meddler, check_updates, r"bad: phase 'd' moved g\.first\.weight"),
    "hidden state": (Memory, check_resume, r"bad: .* differs after a resume: keep all state in .* registered buffers"),
}


@pytest.mark.parametrize("check", [check_samples, check_updates, check_resume])
@pytest.mark.parametrize("game", [Simple, FrozenPart])
def test_a_game_that_keeps_the_contract_passes(game: type[GAN], check: Callable[..., None]) -> None:
    made, recipe = variant(lambda recipe, data: game())  # type: ignore[call-arg]
    before = torch.random.get_rng_state()
    check(made, recipe, example_data("points", (2,)))
    assert not torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("fault", BAD)
def test_a_game_that_breaks_the_contract_is_told_how(fault: str) -> None:
    game, check, message = BAD[fault]
    made, recipe = variant(lambda recipe, data: game())  # type: ignore[call-arg]
    with pytest.raises(AssertionError, match=message):
        check(made, recipe, example_data("points", (2,)))


def test_images_outside_the_datas_range_are_told_how_to_stay_in_it() -> None:
    made, recipe = variant(lambda recipe, data: LoudImages())
    with pytest.raises(AssertionError, match=r"bad: samples leave the data's range -1.0 to 1.0; end .* with tanh"):
        check_samples(made, recipe, example_data("image", (1, 8, 8)))


def test_a_player_without_an_optimiser_in_the_recipe_is_told_its_name() -> None:
    made, recipe = variant(lambda recipe, data: games.TripleGame())
    with pytest.raises(AssertionError, match="bad: give the recipe an Optimiser named 'c', after the player"):
        check_updates(made, recipe, example_data("points", (2,)))


def test_a_key_without_a_meaning_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    unexplained = dataclasses.make_dataclass(
        "Unexplained", [("beta", float, 0.5)], bases=(games.PlainRecipe,), frozen=True, kw_only=True
    )
    made, _ = variant(lambda recipe, data: Simple(), unexplained())
    owner = SimpleNamespace(module=SimpleNamespace(__name__="ganzoo"))
    monkeypatch.setattr(plugins.zoo(), "owner", lambda kind, name: owner)
    with pytest.raises(AssertionError, match="bad: explain the recipe key 'beta' with"):
        check_card(made)


def test_a_card_that_imports_torch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = variant(lambda recipe, data: Simple())
    owner = SimpleNamespace(module=SimpleNamespace(__name__="ganzoo.losses"))
    monkeypatch.setattr(plugins.zoo(), "owner", lambda kind, name: owner)
    with pytest.raises(AssertionError, match=r"importing ganzoo\.losses imports torch: move that import into build"):
        check_card(made)
