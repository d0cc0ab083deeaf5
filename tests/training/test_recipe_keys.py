"""What recipe keys of the optimisers, the penalties and the generator's batch do, by hand calculation."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from small import recipe, same
from small import trainer as make_trainer
from torch import nn

from ganzoo import cli
from ganzoo.errors import GanzooError
from ganzoo.games.penalties import DRAGAN, WGANGradientPenalty
from ganzoo.recipes import Optimiser, Term, TwoPlayerRecipe
from ganzoo.training.optim import learning_rate, make_optimiser
from ganzoo.zoo import config


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_eps_is_added_to_adams_root(name: str) -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    optimiser = make_optimiser(Optimiser(name=name, lr=0.1, eps=3.0), [weight])
    weight.grad = torch.tensor([1.0])
    optimiser.step()
    # In the first step both moments, corrected, are 1: the weight moves by lr / (1 + eps).
    assert weight.item() == pytest.approx(1 - 0.1 / 4)


def clipped(limit: float, scale: float = 1.0, **keys: Any) -> list[torch.Tensor]:
    """D's changes in an update by SGD with learning rate 1."""
    d = Optimiser(name="sgd", lr=1.0, clip_norm=limit)
    trainer = make_trainer(recipe(d=d, **keys))
    loss = trainer.gan.discriminator_loss
    trainer.gan.discriminator_loss = lambda batch: {name: scale * term for name, term in loss(batch).items()}
    trainer.phases = trainer.gan.phases()
    before = [weight.detach().clone() for weight in trainer.gan.discriminator.parameters()]
    torch.manual_seed(0)
    trainer.update(trainer.phases[0])
    return [b - a.detach() for a, b in zip(trainer.gan.discriminator.parameters(), before, strict=True)]


def norm(parts: list[torch.Tensor]) -> float:
    return float(torch.cat([part.flatten() for part in parts]).norm())


def test_a_longer_gradient_is_scaled_to_clip_norm_and_a_shorter_one_stays() -> None:
    free = clipped(0.0)
    length = norm(free)
    assert length > 0
    tight = clipped(length / 2)
    assert norm(tight) == pytest.approx(length / 2, rel=1e-4)
    for whole, part in zip(free, tight, strict=True):
        assert torch.allclose(part, whole / 2, rtol=1e-4, atol=1e-7)
    assert all(torch.equal(a, b) for a, b in zip(free, clipped(2 * length), strict=True))


def test_the_norm_is_that_of_the_whole_batch() -> None:
    limit = norm(clipped(0.0)) / 2
    for whole, parts in zip(clipped(limit), clipped(limit, accumulate=2), strict=True):
        assert torch.allclose(whole, parts, rtol=1e-4, atol=1e-6)


def test_a_gradient_that_is_not_finite_is_found_before_it_is_clipped() -> None:
    with pytest.raises(GanzooError, match=r"d/loss became nan"):
        clipped(1.0, scale=math.nan)


def test_a_schedule_ends_at_its_end() -> None:
    spec = Optimiser(lr=0.1, schedule="linear", schedule_start=0.1, schedule_end=0.5, final_lr=0.2)
    rates = [learning_rate(spec, step, 101) for step in (0, 10, 49, 50, 75, 100)]
    # Linear from step 10.1 to step 49.5, then 0.02.
    at_49 = 0.1 * (0.2 + 0.8 * (1 - (49 - 10.1) / (49.5 - 10.1)))
    assert rates == pytest.approx([0.1, 0.1, at_49, 0.02, 0.02, 0.02])


def test_a_schedule_must_end_after_its_start() -> None:
    with pytest.raises(GanzooError, match=r"g.schedule_end=0.5 must be above g.schedule_start, which is 0.5"):
        config.override(recipe(), {"g.schedule_start": 0.5, "g.schedule_end": 0.5})


def sizes(used: TwoPlayerRecipe, steps: int = 2) -> dict[str, list[int]]:
    trainer = make_trainer(used)
    seen: dict[str, list[int]] = {"d": [], "g": []}
    fakes = trainer.gan.fakes

    def watched(batch: Any) -> Any:
        made = fakes(batch)
        seen["g" if torch.is_grad_enabled() else "d"].append(len(made))
        return made

    trainer.gan.fakes = watched
    for _ in range(steps):
        trainer.play_step()
    assert trainer.progress.samples == steps * used.images_per_step()
    return seen


def test_each_player_has_its_own_batch() -> None:
    assert sizes(recipe(batch=8)) == {"d": [8, 8], "g": [8, 8]}
    assert sizes(recipe(batch=8, g_batch=24)) == {"d": [8, 8], "g": [24, 24]}
    assert sizes(recipe(batch=8, g_batch=2, n_critic=2)) == {"d": [8] * 4, "g": [2, 2]}


def test_a_paired_loss_has_as_many_real_samples_as_the_generators_batch() -> None:
    used = recipe(batch=8, g_batch=24, loss="relativistic")
    assert sizes(used)["g"] == [24, 24]
    trainer = make_trainer(used)
    trainer.play_step()
    phase = trainer.phases[-1]
    (index,) = trainer.updater.next_inputs(phase)
    # It begins where D's last batch does.
    assert torch.equal(index[:8], trainer.stream.indices(0))
    assert len(index) == 24


def weights(used: TwoPlayerRecipe, steps: int = 3) -> dict[str, torch.Tensor]:
    trainer = make_trainer(used)
    for _ in range(steps):
        trainer.play_step()
    return dict(trainer.gan.state_dict())


def test_parts_of_a_generators_batch_are_the_whole() -> None:
    keys: dict[str, Any] = {"batch": 8, "g_batch": 24}
    whole, parts = weights(recipe(**keys)), weights(recipe(**keys, accumulate=2))
    for name, value in whole.items():
        assert torch.allclose(parts[name], value, rtol=1e-4, atol=1e-6), name


def test_a_run_with_all_of_these_resumes_bit_for_bit() -> None:
    used = recipe(
        batch=8,
        g_batch=16,
        g=Optimiser(eps=1e-6, clip_norm=0.1, schedule="cosine", schedule_end=0.5),
        penalties={"wgan-gp": Term(options={"target": 3.0}), "dragan": Term(options={"noise": 0.1}, every=2)},
    )
    straight = make_trainer(used)
    for _ in range(4):
        straight.play_step()
    first = make_trainer(used)
    for _ in range(2):
        first.play_step()
    second = make_trainer(used)
    second.load_state(first.state())
    for _ in range(2):
        second.play_step()
    assert same(dict(straight.gan.state_dict()), dict(second.gan.state_dict()))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("g_batch=9 accumulate=2", "g_batch=9 cannot be split into accumulate=2 equal parts"),
        ("g_batch=0", "g_batch: expected a whole number of at least 1 or none, got '0'"),
        ("d.clip_norm=-1", "d.clip_norm: expected a number of at least 0"),
        ("d.eps=0", "d.eps: expected a number above 0"),
        ("g.schedule_end=1.5", "g.schedule_end: expected a number above 0 and of at most 1"),
        ("g.schedule_start=0.5 g.schedule_end=0.2", "g.schedule_end=0.2 must be above g.schedule_start"),
        ("penalties.wgan-gp.options.aim=2", "penalty 'wgan-gp' has no option 'aim': it has target"),
        ("penalties.r1.options.target=2", "penalty 'r1' has no option 'target': it has none"),
        ("penalties.wgan-gp.options.target=0", "penalties.wgan-gp.options.target: expected a number of at least 0.001"),
        ("penalties.wgan-gp.options.target=x", "penalties.wgan-gp.options.target: expected a number, got 'x'"),
    ],
)
def test_what_cannot_be_is_one_line(keys: str, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    settings = [word for key in keys.split() for word in ("--set", key)]
    assert cli.run(["train", "vanilla", "--steps", "1", "--dry-run", "--set", "batch=8", *settings]) == 2
    err = capfd.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1


def test_options_of_a_penalty_are_shown_and_kept(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", "wgan-gp"]) == 0
    out = capfd.readouterr().out
    assert "penalties.wgan-gp.options.target = 1  Norm of the gradient" in out
    assert cli.run(["show", "dragan"]) == 0
    assert "penalties.dragan.options.noise = 0.5" in capfd.readouterr().out
    changed = config.override(recipe(), {"penalties.wgan-gp.options.target": "750"})
    assert changed.penalties["wgan-gp"] == Term(weight=10.0, options={"target": 750.0})


class Linear(nn.Module):
    """A critic whose gradient has this norm everywhere."""

    def __init__(self, length: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.6, 0.8]) * length)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight


@pytest.mark.parametrize("make", [WGANGradientPenalty, DRAGAN])
@pytest.mark.parametrize(("length", "target"), [(3.0, 1.0), (3.0, 2.0), (700.0, 750.0), (2.0, 2.0)])
def test_the_target_of_a_gradients_norm(make: Any, length: float, target: float) -> None:
    real, fake = torch.randn(8, 2), torch.randn(8, 2)
    value = make(target=target)(Linear(length), real, fake)
    assert float(value) == pytest.approx((length - target) ** 2 / target**2, rel=1e-3, abs=1e-9)


def test_dragan_without_noise_is_at_the_real_samples() -> None:
    real, fake = torch.randn(8, 2), torch.randn(8, 2)
    seen = []

    def critic(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.detach().clone())
        return x.square().sum(1)

    DRAGAN(noise=0.0)(critic, real, fake)
    DRAGAN(noise=2.0)(critic, real, fake)
    assert torch.equal(seen[0], real)
    assert float((seen[1] - real).max()) <= 2.0 * float(real.std())
    assert float((seen[1] - real).max()) > 0.5 * float(real.std())
