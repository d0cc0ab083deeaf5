"""Games and trainers for the contract of variants."""

from __future__ import annotations

import torch

from ganzoo.data.dataset import Dataset
from ganzoo.game import GAN
from ganzoo.machine.fabric import SingleDevice
from ganzoo.recipes import Optimiser, Recipe
from ganzoo.specs import Variant
from ganzoo.training.trainer import Trainer


def built_game(variant: Variant, recipe: Recipe, data: Dataset) -> GAN:
    """The untrained game. Raises AssertionError if its recipe lacks the Optimiser of a player."""
    torch.manual_seed(recipe.seed)
    gan = variant.build(recipe, data.spec)
    for player in gan.players:
        owned = isinstance(getattr(recipe, player, None), Optimiser)
        assert owned, f"{variant.name}: give the recipe an Optimiser named {player!r}, after the player"
    return gan


def built_trainer(variant: Variant, recipe: Recipe, data: Dataset, precision: str = "fp32") -> Trainer:
    """A trainer of it on the CPU."""
    fabric = SingleDevice(torch.device("cpu"), precision == "bf16")
    return Trainer(built_game(variant, recipe, data), data, recipe, fabric)
