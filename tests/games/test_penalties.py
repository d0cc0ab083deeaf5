"""The penalties on critics whose gradients are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganzoo.games.penalties import DRAGAN, R1, R2, WGANGradientPenalty, squared_gradient_norm
from ganzoo.zoo import registry

W = torch.tensor([3.0, 4.0])
REAL, FAKE = torch.tensor([[1.0, 2.0], [0.0, -1.0]]), torch.tensor([[-1.0, 0.5], [2.0, 2.0]])


def linear(x: Tensor) -> Tensor:
    return x @ W


def quadratic(x: Tensor) -> Tensor:
    """Its gradient is x itself."""
    return 0.5 * x.square().sum(1)


@pytest.mark.parametrize("penalty", [R1(), R2()])
def test_r1_and_r2_of_a_linear_critic_are_half_the_squared_norm_of_its_weight(penalty: R1 | R2) -> None:
    assert penalty(linear, REAL, FAKE).item() == pytest.approx(12.5)


@pytest.mark.parametrize("penalty", [WGANGradientPenalty(), DRAGAN()])
def test_one_centred_penalties_of_a_linear_critic_are_its_norm_less_one_squared(penalty: DRAGAN) -> None:
    assert penalty(linear, REAL, FAKE).item() == pytest.approx(16.0, rel=1e-5)


def test_r1_looks_at_real_samples_only() -> None:
    assert R1()(quadratic, REAL, FAKE * 100).item() == pytest.approx(0.5 * (5 + 1) / 2)


def test_r2_looks_at_fake_samples_only() -> None:
    assert R2()(quadratic, REAL * 100, FAKE).item() == pytest.approx(0.5 * (1.25 + 8) / 2)


def test_wgan_gp_looks_between_real_and_fake_samples() -> None:
    real, fake = torch.full((256, 1), 2.0), torch.full((256, 1), 4.0)
    seen: list[Tensor] = []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return quadratic(x)

    WGANGradientPenalty()(critic, real, fake)
    assert 2.0 <= seen[0].min() < 2.2
    assert 3.8 < seen[0].max() <= 4.0


def test_wgan_gp_draws_one_point_for_each_pair_of_samples() -> None:
    seen: list[Tensor] = []
    real, fake = torch.zeros(9, 1, 4, 4), torch.ones(9, 1, 4, 4)
    WGANGradientPenalty()(lambda x: seen.append(x.detach()) or x.sum((1, 2, 3)), real, fake)
    shares = seen[0].flatten(1)
    assert torch.equal(shares, shares[:, :1].expand_as(shares))
    assert shares[:, 0].unique().numel() == 9


def test_wgan_gp_is_zero_for_a_critic_of_norm_one() -> None:
    assert WGANGradientPenalty()(lambda x: x @ (W / 5), REAL, FAKE).item() == pytest.approx(0, abs=1e-9)


def test_dragan_stays_within_half_a_deviation_above_real_samples() -> None:
    real = torch.randn(512, 2, generator=torch.Generator().manual_seed(0))
    seen: list[Tensor] = []
    DRAGAN()(lambda x: seen.append(x.detach()) or x.sum(1), real, real)
    away = seen[0] - real
    assert away.min() >= 0
    assert 0.2 * real.std() < away.max() <= 0.5 * real.std()


@pytest.mark.parametrize("name", ["wgan-gp", "dragan", "r1", "r2"])
def test_the_gradient_of_a_penalty_reaches_the_critics_weights(name: str) -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    penalty = registry.penalties().find(name).build()
    penalty(lambda x: critic(x)[:, 0], REAL, FAKE).backward()
    # The last bias does not move the gradient at any sample.
    for weight in (critic[0].weight, critic[0].bias, critic[2].weight):
        assert weight.grad is not None
        assert weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["wgan-gp", "dragan", "r1", "r2"])
def test_a_penalty_has_no_gradient_towards_the_samples(name: str) -> None:
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    weight = W.clone().requires_grad_()
    registry.penalties().find(name).build()(lambda x: (x @ weight).square(), real, fake).backward()
    assert real.grad is None
    assert fake.grad is None


@pytest.mark.parametrize("penalty", [WGANGradientPenalty(), DRAGAN()])
def test_one_centred_penalties_have_a_finite_gradient_where_the_critic_is_flat(penalty: DRAGAN) -> None:
    weight = torch.zeros(2, requires_grad=True)
    penalty(lambda x: x @ weight, REAL, FAKE).backward()
    assert weight.grad.isfinite().all()


def test_gradient_norms_are_taken_per_sample() -> None:
    torch.testing.assert_close(squared_gradient_norm(quadratic, REAL), REAL.square().sum(1))


@pytest.mark.parametrize("name", ["wgan-gp", "dragan", "r1", "r2"])
def test_a_gradient_step_on_a_penalty_lowers_it(name: str) -> None:
    weight = W.clone().requires_grad_()
    penalty = registry.penalties().find(name).build()
    before = penalty(lambda x: x @ weight, REAL, FAKE)
    before.backward()
    after = penalty(lambda x: x @ (weight - 0.01 * weight.grad), REAL, FAKE)
    assert after < before
