"""Phases, progress, and the base of all games: sampling mode and averages."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

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


class WithBuffers(nn.Module):
    """A linear layer under spectral normalisation, batch normalisation, and buffers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = spectral_norm(nn.Linear(3, 3))
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("level", torch.tensor(0.25))
        self.register_buffer("pool", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.layer(x))


def test_averages_move_weights_and_running_statistics_and_copy_every_other_buffer() -> None:
    torch.manual_seed(0)
    gan = GAN({"g": WithBuffers()}, ema=["g"])
    player, average = gan.players["g"], gan.averages["g"]
    first = {name: value.clone() for name, value in average.state_dict().items()}
    with torch.no_grad():
        for weight in player.parameters():
            weight.add_(1.0)
        player.level.fill_(0.5)
        player.pool.copy_(torch.arange(4.0))
        player.norm.running_mean.fill_(2.0)
        player.norm.running_var.fill_(5.0)
    player(torch.randn(8, 3))
    gan.update_averages(0.9)
    now, then = dict(player.state_dict()), first
    averaged = {"layer.bias", "layer.parametrizations.weight.original", "norm.weight", "norm.bias"}
    averaged |= {"norm.running_mean", "norm.running_var"}
    for name, value in average.state_dict().items():
        wanted = torch.lerp(then[name], now[name], 0.1) if name in averaged else now[name]
        torch.testing.assert_close(value, wanted, msg=name)


def test_an_averaged_layer_under_spectral_normalisation_has_a_norm_of_one() -> None:
    """Averaged singular vectors would leave it at several times that."""
    torch.manual_seed(0)
    gan = GAN({"g": spectral_norm(nn.Linear(16, 16))}, ema=["g"])
    for _ in range(300):
        with torch.no_grad():
            gan.players["g"].parametrizations.weight.original.add_(0.05 * torch.randn(16, 16))
        gan.players["g"](torch.randn(4, 16))
        gan.update_averages(0.9)
    with gan.for_sampling():
        largest = torch.linalg.matrix_norm(gan.players["g"].weight, 2).item()
    assert largest == pytest.approx(1.0, abs=0.25)
