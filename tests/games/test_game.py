"""Phases, progress, and the base of all games: sampling mode and averages."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganzoo.game import GAN, Latent, Phase, Progress


class Game(GAN):
    def __init__(self) -> None:
        g = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5))
        super().__init__({"g": g, "d": nn.Linear(2, 1)}, ema=["g"])


@pytest.mark.parametrize(
    ("phase", "steps"),
    [
        (Phase("p", "p", dict), [0, 1, 2, 3, 4, 5]),
        (Phase("p", "p", dict, every=2), [0, 2, 4]),
        (Phase("p", "p", dict, start=3), [3, 4, 5]),
        (Phase("p", "p", dict, stop=2), [0, 1]),
        (Phase("p", "p", dict, start=1, stop=5, every=2), [2, 4]),
    ],
)
def test_a_phase_runs_at_these_steps(phase: Phase, steps: list[int]) -> None:
    assert [step for step in range(6) if phase.runs_at(step)] == steps


def test_progress_is_a_share_of_all_steps() -> None:
    assert Progress(step=1, steps=4).share == 0.25
    assert Progress().share == 0.0


def test_averages_start_as_copies_without_gradient() -> None:
    gan = Game()
    for slow, fast in zip(gan.averages["g"].parameters(), gan.players["g"].parameters(), strict=True):
        assert torch.equal(slow, fast)
        assert slow is not fast
        assert not slow.requires_grad


def test_averages_move_by_one_less_the_decay() -> None:
    gan = Game()
    with torch.no_grad():
        gan.averages["g"][0].weight.fill_(1.0)
        gan.players["g"][0].weight.fill_(3.0)
    gan.update_averages(0.75)
    torch.testing.assert_close(gan.averages["g"][0].weight, torch.full((2, 2), 1.5))
    gan.update_averages(0.75)
    torch.testing.assert_close(gan.averages["g"][0].weight, torch.full((2, 2), 1.875))


def test_averages_follow_running_statistics_and_copy_counters() -> None:
    gan = Game()
    gan.players["g"][1].running_mean.fill_(4.0)
    gan.players["g"][1].num_batches_tracked.fill_(7)
    gan.update_averages(0.5)
    assert gan.averages["g"][1].running_mean.tolist() == [2.0, 2.0]
    assert gan.averages["g"][1].num_batches_tracked == 7


def test_a_decay_of_nothing_copies_the_player() -> None:
    gan = Game()
    with torch.no_grad():
        gan.players["g"][0].weight.fill_(3.0)
    gan.update_averages(0.0)
    assert torch.equal(gan.averages["g"][0].weight, gan.players["g"][0].weight)


def test_sampling_uses_the_averages_in_evaluation_mode_without_gradients() -> None:
    gan = Game().train()
    player, average = gan.players["g"], gan.averages["g"]
    with gan.for_sampling():
        assert gan.players["g"] is average
        assert not average.training
        assert not torch.is_grad_enabled()
    assert gan.players["g"] is player
    assert player.training
    assert torch.is_grad_enabled()


def test_sampling_can_use_the_players_themselves() -> None:
    gan = Game().train()
    player = gan.players["g"]
    with gan.for_sampling(averaged=False):
        assert gan.players["g"] is player
        assert not player.training
    assert player.training


def test_players_come_back_after_an_error_while_sampling() -> None:
    gan = Game().train()
    player = gan.players["g"]
    with pytest.raises(ZeroDivisionError), gan.for_sampling():
        _ = 1 / 0
    assert gan.players["g"] is player
    assert gan.training


def test_a_game_without_phases_or_samples_says_so() -> None:
    with pytest.raises(NotImplementedError):
        Game().phases()
    with pytest.raises(NotImplementedError):
        Game().sample(1)


class Plain(Game):
    """A game with latents that says nothing about their size or distribution."""

    def draw_latent(self, n: int, truncation: float | None = None) -> Tensor:
        return torch.randn(n, 2)

    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.players["g"](z)


def test_a_game_is_latent_if_it_draws_latents_and_generates_from_them() -> None:
    assert isinstance(Plain(), Latent)
    assert not isinstance(Game(), Latent)


def test_a_game_has_no_classes_unless_it_sets_them_before_or_after_the_base_is_made() -> None:
    class Before(GAN):
        def __init__(self) -> None:
            self.classes = 3
            super().__init__({})

    class After(GAN):
        def __init__(self) -> None:
            super().__init__({})
            self.classes = 3

    assert Game().classes == 0
    assert Before().classes == After().classes == 3
