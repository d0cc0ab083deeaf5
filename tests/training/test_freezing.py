"""What a game freezes, unfreezes or creates on the way: the trainer respects `requires_grad`."""

from __future__ import annotations

import pytest
import torch
from games import PlainRecipe
from small import moved, point_data
from torch import nn

from ganzoo.errors import GanzooError
from ganzoo.game import GAN, Batch, Phase, Progress, Terms
from ganzoo.machine.fabric import SingleDevice
from ganzoo.training.trainer import Trainer


class Freezing(GAN):
    """A player of two layers: the first is frozen until step 2, the second from step 2 on."""

    def __init__(self) -> None:
        super().__init__({"g": nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))})
        self.players["g"][0].requires_grad_(False)

    def phases(self) -> list[Phase]:
        return [Phase("g", "g", self.lower)]

    def lower(self, batch: Batch) -> Terms:
        return {"loss": self.players["g"](batch["x"]).square().mean()}

    def on_step(self, progress: Progress) -> None:
        self.players["g"][0].requires_grad_(progress.step >= 2)
        self.players["g"][1].requires_grad_(progress.step < 2)


class Growing(Freezing):
    def on_step(self, progress: Progress) -> None:
        if progress.step == 2:
            self.players["g"].append(nn.Linear(1, 1))


class Thawing(Freezing):
    """Unfreezes a layer that nothing else touches."""

    def on_step(self, progress: Progress) -> None:
        if progress.step == 1:
            self.players["g"].requires_grad_(True)


def trainer(gan: GAN) -> Trainer:
    return Trainer(gan, point_data(), PlainRecipe(steps=4, batch=8), SingleDevice(torch.device("cpu")))


def test_layers_learn_only_while_they_are_not_frozen() -> None:
    torch.manual_seed(0)
    gan = Freezing()
    playing = trainer(gan)
    first, second = gan.players["g"]
    for step in range(4):
        before = [[weight.clone() for weight in layer.parameters()] for layer in (first, second)]
        playing.play_step()
        after = [list(layer.parameters()) for layer in (first, second)]
        changed = [
            any(not torch.equal(a, b) for a, b in zip(old, new, strict=True))
            for old, new in zip(before, after, strict=True)
        ]
        assert changed == [step >= 2, step < 2]


def test_what_was_frozen_when_training_began_can_be_unfrozen() -> None:
    gan = Thawing()
    playing = trainer(gan)
    assert not moved(gan.players["g"][0], playing.play_step)
    assert moved(gan.players["g"][0], playing.play_step)


def test_after_training_the_flags_are_the_authors() -> None:
    gan = Freezing()
    playing = trainer(gan)
    playing.fit()
    assert [weight.requires_grad for weight in gan.players["g"].parameters()] == [True, True, False, False]


def test_a_weight_that_was_created_later_is_named() -> None:
    playing = trainer(Growing())
    playing.play_step()
    playing.play_step()
    with pytest.raises(GanzooError, match=r"the weight 2\.weight of player 'g' can never learn: it was created after"):
        playing.play_step()
