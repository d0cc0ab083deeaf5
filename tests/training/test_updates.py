"""What a game can do around an update: see its terms once it is done, and make no move."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from games import PlainRecipe
from small import point_data, recipe, two_player
from torch import nn

from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.game import GAN, Batch, Phase, Terms
from ganzoo.games import TwoPlayer
from ganzoo.machine.fabric import SingleDevice
from ganzoo.recipes import DataSpec, Recipe
from ganzoo.training.trainer import Trainer


def play_on(gan: GAN, settings: Recipe) -> Trainer:
    return Trainer(gan, point_data(), settings, SingleDevice(torch.device("cpu")))


class Seeing(TwoPlayer):
    """Remembers the terms of its updates."""

    def setup(self, recipe: object, data: object) -> None:
        self.seen: list[tuple[str, dict[str, float]]] = []

    def after_update(self, phase: Phase, terms: Terms) -> None:
        super().after_update(phase, terms)
        assert not any(term.requires_grad for term in terms.values())
        self.seen.append((phase.name, {name: float(term) for name, term in terms.items()}))


@pytest.mark.parametrize("accumulate", [1, 4])
def test_the_terms_of_an_update_are_seen_once_whatever_the_number_of_parts(accumulate: int) -> None:
    seen = []
    for parts in (1, accumulate):
        made = play_on(
            two_player(recipe(accumulate=parts, n_critic=2), kind=Seeing), recipe(accumulate=parts, n_critic=2)
        )
        made.play_step()
        seen.append(made.gan.seen)
        log = made.read_log()
        mean = sum(terms["loss"] for phase, terms in made.gan.seen if phase == "d") / 2
        assert log["d/loss"] == pytest.approx(mean, rel=1e-5)
    assert [name for name, _ in seen[1]] == ["d", "d", "g"]
    for (_, whole), (_, split) in zip(*seen, strict=True):
        assert whole == pytest.approx(split, rel=1e-4, abs=1e-6)


class Waiting(GAN):
    """Its only player moves in every third step."""

    def __init__(self) -> None:
        super().__init__({"g": nn.Linear(2, 2), "d": nn.Linear(2, 1)})
        self.asked = 0

    def phases(self) -> list[Phase]:
        return [
            Phase("g", "g", self.loss),
            Phase("d", "d", lambda batch: {"loss": self.players["d"](batch["x"]).mean()}),
        ]

    def loss(self, batch: Batch) -> Terms | None:
        self.asked += 1
        return None if self.asked % 3 else {"loss": self.players["g"](batch["x"]).square().mean()}


def test_a_phase_that_returns_none_moves_no_weight() -> None:
    made = play_on(Waiting(), replace(PlainRecipe(), steps=6, batch=4))
    moved = []
    for _ in range(6):
        before = {name: weight.clone() for name, weight in made.gan.named_parameters()}
        made.play_step()
        moved.append([name for name, weight in made.gan.named_parameters() if not torch.equal(before[name], weight)])
    d = ["players.d.weight", "players.d.bias"]
    assert moved == [d, d, ["players.g.weight", "players.g.bias", *d]] * 2
    assert set(made.read_log()) == {"g/loss", "d/loss"}


def test_a_phase_must_not_move_for_a_part_of_a_batch_only() -> None:
    class Half(Waiting):
        def loss(self, batch: Batch) -> Terms | None:
            self.asked += 1
            return {"loss": self.players["g"](batch["x"]).square().mean()} if self.asked % 2 else None

    made = play_on(Half(), replace(PlainRecipe(), steps=6, batch=4, accumulate=2))
    with pytest.raises(GanzooError, match="phase 'g' returned None for a part of a batch"):
        made.play_step()


def test_networks_for_volumes_are_trained_in_the_format_that_suits_them() -> None:
    volumes = torch.rand(8, 1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    data = Dataset({"x": volumes}, DataSpec("volumes", "voxels", (1, 2, 4, 4), range=(0.0, 1.0)))
    g = nn.Sequential(nn.Linear(4, 32), nn.Unflatten(1, (1, 2, 4, 4)), nn.Conv3d(1, 1, 3, padding=1), nn.Sigmoid())
    d = nn.Sequential(nn.Conv3d(1, 4, 2), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(36, 1), nn.Flatten(0))
    settings = recipe(steps=2, batch=4)
    made = Trainer(TwoPlayer.from_recipe(g, d, settings, data.spec), data, settings, SingleDevice(torch.device("cpu")))
    made.fit()
    assert g[2].weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert made.gan.sample(3).shape == (3, 1, 2, 4, 4)
