"""The adversarial losses against their formulas, written out again here."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganzoo.games.losses import (
    LeastSquares,
    NonSaturating,
    RelativisticAverage,
    RelativisticHinge,
    RelativisticPairing,
    mean_logits,
)
from ganzoo.zoo import registry

REAL, FAKE = [0.5, -1.0, 2.0], [-0.3, 1.2, 0.1]


def sp(x: float) -> float:
    return math.log1p(math.exp(x))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


M_REAL, M_FAKE = mean(REAL), mean(FAKE)
PAIRS = list(zip(REAL, FAKE, strict=True))
CROSS_ENTROPY = mean([sp(-r) for r in REAL]) + mean([sp(f) for f in FAKE])

EXPECTED = {
    "minimax": (CROSS_ENTROPY, -mean([sp(f) for f in FAKE])),
    "non-saturating": (CROSS_ENTROPY, mean([sp(-f) for f in FAKE])),
    "least-squares": (
        0.5 * (mean([(r - 1) ** 2 for r in REAL]) + mean([f**2 for f in FAKE])),
        0.5 * mean([(f - 1) ** 2 for f in FAKE]),
    ),
    "wasserstein": (M_FAKE - M_REAL, -M_FAKE),
    "hinge": (mean([max(0, 1 - r) for r in REAL]) + mean([max(0, 1 + f) for f in FAKE]), -M_FAKE),
    "relativistic": (mean([sp(f - r) for r, f in PAIRS]), mean([sp(r - f) for r, f in PAIRS])),
    "relativistic-average": (
        0.5 * (mean([sp(M_FAKE - r) for r in REAL]) + mean([sp(f - M_REAL) for f in FAKE])),
        0.5 * (mean([sp(M_REAL - f) for f in FAKE]) + mean([sp(r - M_FAKE) for r in REAL])),
    ),
    "relativistic-hinge": (
        mean([max(0, 1 - (r - M_FAKE)) for r in REAL]) + mean([max(0, 1 + f - M_REAL) for f in FAKE]),
        mean([max(0, 1 - (f - M_REAL)) for f in FAKE]) + mean([max(0, 1 + r - M_FAKE) for r in REAL]),
    ),
}


def logits() -> tuple[Tensor, Tensor]:
    return torch.tensor(REAL, requires_grad=True), torch.tensor(FAKE, requires_grad=True)


def test_every_registered_loss_of_the_core_has_its_formula_here() -> None:
    own = [name for name in registry.losses() if "'builtins'" in registry.losses().source(name)]
    assert sorted(own) == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_discriminator_loss_is_the_formula(name: str) -> None:
    loss = registry.losses().find(name).build()
    assert loss.discriminator(*logits()).item() == pytest.approx(EXPECTED[name][0], abs=1e-6)


@pytest.mark.parametrize("name", EXPECTED)
def test_generator_loss_is_the_formula(name: str) -> None:
    loss = registry.losses().find(name).build()
    real, fake = logits()
    assert loss.generator(fake, real).item() == pytest.approx(EXPECTED[name][1], abs=1e-6)


@pytest.mark.parametrize("name", EXPECTED)
def test_discriminator_raises_real_logits_and_lowers_fake_ones(name: str) -> None:
    real, fake = torch.zeros(4, requires_grad=True), torch.full((4,), 0.1, requires_grad=True)
    registry.losses().find(name).build().discriminator(real, fake).backward()
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()


@pytest.mark.parametrize("name", EXPECTED)
def test_generator_raises_fake_logits(name: str) -> None:
    real, fake = torch.zeros(4), torch.full((4,), 0.1, requires_grad=True)
    registry.losses().find(name).build().generator(fake, real).backward()
    assert (fake.grad < 0).all()


@pytest.mark.parametrize("name", EXPECTED)
def test_generator_of_an_unpaired_loss_ignores_real_logits(name: str) -> None:
    loss = registry.losses().find(name).build()
    real, fake = logits()
    if loss.paired:
        real_grad = torch.autograd.grad(loss.generator(fake, real), real)[0]
        assert (real_grad > 0).all()
    else:
        assert torch.equal(loss.generator(fake, torch.empty(0)), loss.generator(fake, real))


@pytest.mark.parametrize("name", EXPECTED)
def test_losses_stay_finite_for_logits_of_a_thousand(name: str) -> None:
    loss = registry.losses().find(name).build()
    real, fake = torch.tensor([1e3, -1e3]), torch.tensor([-1e3, 1e3])
    assert loss.discriminator(real, fake).isfinite()
    assert loss.generator(fake, real).isfinite()


def test_smoothing_is_cross_entropy_with_a_target_below_one_on_real_samples_only() -> None:
    real, fake = logits()
    target = torch.full((3,), 0.9)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    wanted = bce(real, target) + bce(fake, torch.zeros(3))
    torch.testing.assert_close(NonSaturating(smoothing=0.1).discriminator(real, fake), wanted)


def test_smoothing_leaves_the_generator_alone() -> None:
    real, fake = logits()
    assert torch.equal(NonSaturating(smoothing=0.1).generator(fake, real), NonSaturating().generator(fake, real))


def test_least_squares_pulls_to_the_targets_it_is_given() -> None:
    loss = LeastSquares(real_target=2.0, fake_target=-1.0, generator_target=0.5)
    assert loss.discriminator(torch.tensor([2.0]), torch.tensor([-1.0])) == 0
    assert loss.generator(torch.tensor([0.5]), torch.empty(0)) == 0


def test_minimax_generator_gradient_vanishes_where_the_discriminator_wins_and_the_remedy_does_not() -> None:
    gradients = {}
    for name in ("minimax", "non-saturating"):
        fake = torch.tensor([-20.0], requires_grad=True)
        registry.losses().find(name).build().generator(fake, torch.empty(0)).backward()
        gradients[name] = abs(fake.grad.item())
    assert gradients["minimax"] < 1e-8
    assert gradients["non-saturating"] == pytest.approx(1.0)


def test_relativistic_losses_ignore_a_shift_of_all_logits() -> None:
    for loss in (RelativisticPairing(), RelativisticAverage(), RelativisticHinge()):
        real, fake = torch.tensor(REAL), torch.tensor(FAKE)
        torch.testing.assert_close(loss.discriminator(real + 5, fake + 5), loss.discriminator(real, fake))


def test_pairing_depends_on_which_samples_meet_and_averaging_does_not() -> None:
    real, fake = torch.tensor(REAL), torch.tensor(FAKE)
    turned = fake.roll(1)
    assert RelativisticPairing().discriminator(real, fake) != RelativisticPairing().discriminator(real, turned)
    average = RelativisticAverage()
    torch.testing.assert_close(average.discriminator(real, fake), average.discriminator(real, turned))


def test_mean_logits_are_detached_means() -> None:
    terms = mean_logits(*logits())
    assert terms["real"].item() == pytest.approx(M_REAL)
    assert terms["fake"].item() == pytest.approx(M_FAKE)
    assert not any(term.requires_grad for term in terms.values())


@pytest.mark.parametrize("name", EXPECTED)
def test_every_option_of_a_loss_reaches_its_builder(name: str) -> None:
    spec = registry.losses().find(name)
    options = {option.name: option.default + 0.25 for option in spec.options}
    loss = spec.build(**options)
    assert all(getattr(loss, option) == value for option, value in options.items())
    assert loss.discriminator(*logits()).isfinite()
