"""The hand-written loops compute the same as ganzoo's trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.loops import tutorial
from benchmarks.loops.cases import BEST, CASES, CHANNELS_LAST, GANZOO, TUTORIAL, Case
from benchmarks.loops.worker import GanzooLoop, Setup

FAST = {f"{player}.{key}": value for player in "gd" for key, value in (("lr", 1e-3), ("schedule", "constant"))}
SMALL = {"latent": 4, "g_hidden": (8,), "d_hidden": (8,), "batch": 16, **FAST}
DIGITS = [
    Case("vanilla", "", "vanilla.digits", (1, 8, 8), 1, 1, SMALL),
    Case("dcgan", "", "dcgan.digits", (1, 8, 8), 1, 1, {**SMALL, "width": 4}),
    Case("wgan-gp", "", "wgan-gp.digits", (1, 8, 8), 1, 1, {**SMALL, "width": 4, "n_critic": 2}),
    Case("conditional", "", "conditional.digits", (1, 8, 8), 1, 1, {"latent": 4, "width": 4, "batch": 16, **FAST}),
]


@pytest.fixture
def same_draws(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Latents and interpolation factors that depend only on how many were drawn before; calling it resets them."""
    generator = torch.Generator()
    for name, fill in (("randn", torch.Tensor.normal_), ("rand", torch.Tensor.uniform_)):

        def draw(*size: int, fill: Any = fill, **options: Any) -> Tensor:
            return fill(torch.empty(*size), generator=generator)

        monkeypatch.setattr(torch, name, draw)
    return lambda: generator.manual_seed(0)


def learnt(setup: Setup, name: str, same_draws: Any) -> dict[str, Tensor]:
    """Weights and statistics of both networks after three steps of a loop."""
    made: list[Any] = []
    networks = Setup.networks

    def kept(self: Setup) -> Any:
        made[:] = networks(self)
        return tuple(made)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Setup, "networks", kept)
        loop = setup.make_loop(name)
    if isinstance(loop, GanzooLoop):
        # A measurement of the diagnosis also draws random numbers.
        loop.inner = []
    same_draws()
    loop(3)
    players = list(loop.trainer.gan.players.values()) if isinstance(loop, GanzooLoop) else made
    return {f"{i}.{key}": value for i, p in enumerate(players) for key, value in p.state_dict().items()}


@pytest.mark.parametrize("case", DIGITS, ids=lambda case: case.name)
def test_the_best_loop_is_ganzoos_mathematics(case: Case, tmp_path: Path, same_draws: Any) -> None:
    setup = Setup(case, None, None, tmp_path)
    found = {name: learnt(setup, name, same_draws) for name in (BEST, CHANNELS_LAST, GANZOO)}
    for name in (BEST, CHANNELS_LAST):
        torch.testing.assert_close(found[name], found[GANZOO], rtol=1e-3, atol=2e-4)
    start = setup.networks()[0].state_dict()
    assert any((found[GANZOO][f"0.{key}"] - value).abs().max() > 2e-3 for key, value in start.items())


@pytest.mark.parametrize("case", DIGITS, ids=lambda case: case.name)
def test_loops_in_bf16_learn_nearly_what_they_do_in_fp32(case: Case, tmp_path: Path, same_draws: Any) -> None:
    half, full = (Setup(case, None, None, tmp_path / precision, precision) for precision in ("bf16", "fp32"))
    start = {f"{i}.{name}": w.detach() for i, p in enumerate(full.networks()) for name, w in p.named_parameters()}

    def moved(found: dict[str, Tensor]) -> Tensor:
        return torch.cat([(found[key].double() - start[key].double()).flatten() for key in sorted(start)])

    wanted = moved(learnt(full, GANZOO, same_draws))
    for name in (BEST, CHANNELS_LAST, GANZOO):
        way = moved(learnt(half, name, same_draws))
        # Where a gradient is near 0, rounding decides which way Adam's first steps go.
        assert torch.cosine_similarity(way, wanted, 0) > 0.95
        assert way.norm() / wanted.norm() == pytest.approx(1, abs=0.05)
        assert not torch.equal(way, wanted)


@pytest.mark.parametrize("case", DIGITS, ids=lambda case: case.name)
def test_the_tutorials_loop_trains_both_networks(case: Case, tmp_path: Path) -> None:
    setup = Setup(case, None, None, tmp_path)
    pair = setup.networks()
    before = [{key: value.clone() for key, value in network.state_dict().items()} for network in pair]
    averaged: list[Any] = []
    update_average = tutorial.update_average

    def watched(*given: Any) -> None:
        update_average(*given)
        averaged.append(given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Setup, "networks", lambda self: pair)
        patch.setattr(tutorial, "update_average", watched)
        setup.make_loop(TUTORIAL)(1)
    assert [decay for _, _, decay in averaged] == [setup.recipe.ema]
    averages, network, decay = averaged[0]
    for name, average in averages.named_parameters():
        wanted = decay * before[0][name] + (1 - decay) * network.state_dict()[name]
        torch.testing.assert_close(average.detach(), wanted)
    for network, old in zip(pair, before, strict=True):
        assert all(value.isfinite().all() for value in network.state_dict().values())
        assert any(not torch.equal(value, old[key]) for key, value in network.state_dict().items())


def test_images_are_random_where_there_are_no_real_ones(tmp_path: Path) -> None:
    setup = Setup(CASES["vanilla"], str(tmp_path / "nothing"), 8, tmp_path)
    assert setup.data == "random images"
    assert setup.images.shape[1:] == (1, 28, 28)
    assert setup.plan.recipe.batch == 8
