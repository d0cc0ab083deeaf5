"""The contract of recipe keys: each changes something, or the card says that the game fixes it."""

from __future__ import annotations

from typing import Any
from unittest import SkipTest

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.recipes import Recipe, TwoPlayerRecipe
from ganzoo.specs import Variant
from ganzoo.testing.building import built_trainer
from ganzoo.zoo import config

CHANGES: dict[str, tuple[str, ...]] = {
    "loss": ("hinge", "least-squares"),
    "penalties": ("r1", "r2"),
    "augment": ("diffaug", "ada"),
    "n_critic": ("2", "3"),
    "g_batch": ("2", "4"),
    "clip": ("0.001", "0.002"),
    "spectral_norm": ("true", "false"),
    "latent_distribution": ("uniform", "normal"),
}
"""For each key of a two-player recipe, two values to try: one may be the recipe's own, and in a first step hinge and
Wasserstein losses can have the same gradient."""


def check_keys(variant: Variant, recipe: Recipe, data: Dataset) -> None:
    """Each key of a two-player recipe changes what is learnt in a step, is refused, or is named in the card's `fixes`.

    SkipTest for any other recipe.
    """
    if not isinstance(recipe, TwoPlayerRecipe):
        raise SkipTest(f"{variant.name} has no two-player recipe")
    before = _after_a_step(variant, recipe, data)
    for key, values in CHANGES.items():
        if key in variant.fixes:
            continue
        changed = [made for value in values if (made := config.override(recipe, {key: value})) != recipe]
        advice = f"add {key!r} to `fixes` of its card, so that nobody sets it in vain, or let the game use it"
        matters = any(_differs(variant, other, data, before) for other in changed)
        assert matters, f"{variant.name}: the recipe key {key!r} changes nothing: {advice}"


def _differs(variant: Variant, recipe: Recipe, data: Dataset, before: dict[str, Tensor]) -> bool:
    """Whether a step ends elsewhere with this recipe; also if the game refuses it, which its user sees."""
    try:
        after = _after_a_step(variant, recipe, data)
    except GanzooError:
        return True
    return before.keys() != after.keys() or not all(torch.equal(before[name], after[name]) for name in before)


def _after_a_step(variant: Variant, recipe: Any, data: Dataset) -> dict[str, Tensor]:
    trainer = built_trainer(variant, recipe, data)
    trainer.play_step()
    start = max(phase.start for phase in trainer.phases)
    if start:
        # Not all phases are due in the first step; in the last one, the learning rate may be 0.
        trainer.progress.step = start
        trainer.play_step()
    return {name: value for name, value in trainer.gan.state_dict().items() if isinstance(value, Tensor)}
