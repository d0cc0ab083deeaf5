"""Weights that a recipe freezes do not move, whatever else does."""

from __future__ import annotations

import copy

import pytest
import torch
from small import penalty, recipe, same, trainer, two_player

from ganzoo.errors import GanzooError
from ganzoo.game import Progress
from ganzoo.games import TwoPlayer
from ganzoo.recipes import Optimiser, Term
from ganzoo.training.frozen import frozen_weights

DECAYING = Optimiser(name="adamw", lr=1e-2, weight_decay=0.1)
KEYS = {"freeze": ("d.body.0.*", "g.2.bias"), "d": DECAYING, "g": DECAYING, "clip": 0.05, "ema": 0.9}
FROZEN = ("players.d.body.0.weight", "players.d.body.0.bias", "players.g.2.bias", "averages.g.2.bias")


class Unfreezing(TwoPlayer):
    def on_step(self, progress: Progress) -> None:
        self.players.requires_grad_(True)


@pytest.mark.parametrize("kind", [TwoPlayer, Unfreezing])
def test_frozen_weights_and_their_averages_do_not_move(kind: type[TwoPlayer]) -> None:
    used = recipe(**KEYS)
    gan = two_player(used, kind=kind)
    gan.penalties = penalty("r1", Term(weight=1.0))
    before = copy.deepcopy(gan.state_dict())
    playing = trainer(used, gan)
    for _ in range(4):
        playing.play_step()
    after = gan.state_dict()
    assert {name for name in after if same(before[name], after[name])} == set(FROZEN)


def test_a_resumed_run_with_frozen_layers_is_bitwise_the_same() -> None:
    used = recipe(**KEYS)
    whole, first, second = trainer(used), trainer(used), trainer(used)
    for _ in range(4):
        whole.play_step()
    for _ in range(2):
        first.play_step()
    second.load_state(copy.deepcopy(first.state()))
    for _ in range(2):
        second.play_step()
    assert same(whole.state(), second.state())


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("d.head.*", "matches no weight of d, which has d.body.0.weight, d.body.0.bias, d.body.2.weight, ..."),
        ("body.0.*", "begin with a player, g or d"),
        ("d.*", "would leave d nothing to learn"),
    ],
)
def test_patterns_without_sense_are_one_line(pattern: str, line: str) -> None:
    with pytest.raises(GanzooError) as raised:
        frozen_weights(two_player(recipe()), [pattern])
    assert line in str(raised.value)


def test_weights_are_found_by_pattern() -> None:
    gan = two_player(recipe())
    found = frozen_weights(gan, ["*.bias"])
    assert len(found) == 4
    assert all(weight.ndim == 1 for weight in found)
    assert torch.equal(found[0], gan.players["g"][0].bias)
