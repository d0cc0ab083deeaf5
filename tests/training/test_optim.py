"""Optimisers and learning-rate schedules."""

from __future__ import annotations

import io
import math
import subprocess
import sys

import pytest
import torch
from small import same
from torch import nn

from ganzoo.recipes import Optimiser
from ganzoo.training.optim import FusedAdam, learning_rate, make_optimiser, set_learning_rate


def rates(spec: Optimiser, *steps: int, of: int = 101) -> list[float]:
    return [learning_rate(spec, step, of) for step in steps]


def test_a_constant_rate_never_changes() -> None:
    assert rates(Optimiser(lr=0.1), 0, 50, 99) == [0.1, 0.1, 0.1]


def test_a_linear_schedule_starts_whole_halves_in_the_middle_and_ends_at_nothing() -> None:
    assert rates(Optimiser(lr=0.1, schedule="linear"), 0, 50, 100) == pytest.approx([0.1, 0.05, 0.0])


def test_a_cosine_schedule_starts_whole_halves_in_the_middle_and_ends_at_nothing() -> None:
    assert rates(Optimiser(lr=0.1, schedule="cosine"), 0, 50, 100) == pytest.approx([0.1, 0.05, 0.0], abs=1e-12)


def test_a_cosine_schedule_is_a_cosine() -> None:
    assert rates(Optimiser(lr=0.1, schedule="cosine"), 25) == pytest.approx([0.05 * (1 + math.cos(math.pi / 4))])


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_a_schedule_ends_at_the_share_it_is_given(schedule: str) -> None:
    assert rates(Optimiser(lr=0.1, schedule=schedule, final_lr=0.2), 100) == pytest.approx([0.02])


def test_a_schedule_waits_until_its_start() -> None:
    spec = Optimiser(lr=0.1, schedule="linear", schedule_start=0.5)
    assert rates(spec, 0, 50, 75, 100) == pytest.approx([0.1, 0.1, 0.1 * 25 / 49.5, 0.0])


def test_a_schedule_never_goes_below_its_end() -> None:
    assert rates(Optimiser(lr=0.1, schedule="linear"), 150) == [0.0]


def test_warm_up_rises_from_the_first_step_to_the_whole_rate() -> None:
    assert rates(Optimiser(lr=0.1, warmup=4), 0, 1, 3, 4) == pytest.approx([0.025, 0.05, 0.1, 0.1])


def test_warm_up_and_schedule_multiply() -> None:
    assert rates(Optimiser(lr=0.1, warmup=100, schedule="linear"), 49) == pytest.approx([0.1 * 0.5 * 0.51])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("adam", FusedAdam),
        ("adamw", FusedAdam),
        ("rmsprop", torch.optim.RMSprop),
        ("sgd", torch.optim.SGD),
    ],
)
def test_each_name_gives_its_optimiser_with_the_values_of_the_recipe(name: str, kind: type) -> None:
    spec = Optimiser(name=name, lr=0.03, betas=(0.1, 0.9), momentum=0.4, weight_decay=0.02)
    made = make_optimiser(spec, nn.Linear(2, 2).parameters())
    assert type(made) is kind
    group = made.param_groups[0]
    assert group["lr"] == 0.03
    assert group["weight_decay"] == 0.02
    if "adam" in name:
        assert group["betas"] == (0.1, 0.9)
    else:
        assert group["momentum"] == 0.4


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "sgd"])
def test_each_optimiser_lowers_a_parabola(name: str) -> None:
    weight = nn.Parameter(torch.tensor([3.0]))
    optimiser = make_optimiser(Optimiser(name=name, lr=0.05), [weight])
    for _ in range(200):
        optimiser.zero_grad()
        weight.square().sum().backward()
        optimiser.step()
    assert weight.abs().item() < 0.2


@pytest.mark.parametrize("recordable", [False, True])
@pytest.mark.parametrize(("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_the_fused_step_is_torchs_own_bit_for_bit(name: str, kind: type[torch.optim.Adam], recordable: bool) -> None:
    spec = Optimiser(name=name, lr=0.01, betas=(0.3, 0.95), weight_decay=0.1)
    ends = []
    for fused in (True, False):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3))
        theirs = kind(net.parameters(), spec.lr, spec.betas, weight_decay=spec.weight_decay, fused=True)
        optimiser = make_optimiser(spec, net.parameters(), recordable) if fused else theirs
        for step in range(10):
            optimiser.zero_grad()
            net[step % 2](torch.randn(5, 4 - step % 2)).square().sum().backward()
            set_learning_rate(optimiser, 0.01 / (step + 1))
            optimiser.step()
        ends.append((net.state_dict(), optimiser.state_dict()["state"]))
    assert same(*ends)


@pytest.mark.parametrize("moves", ["aaa", "aaba", "baba", "bcaaca"])
@pytest.mark.parametrize("recordable", [False, True])
def test_weights_that_move_now_with_and_now_without_others_are_counted_apart(moves: str, recordable: bool) -> None:
    """Moves: of all weights (a), of the first (b), of the second (c). The state is saved and loaded in the middle."""
    ends = []
    for fused in (True, False):
        weights = [nn.Parameter(torch.tensor([1.0, 2.0])) for _ in range(3)]
        theirs = torch.optim.Adam(weights, 0.1, fused=True)
        optimiser = make_optimiser(Optimiser(lr=0.1, betas=(0.9, 0.999)), weights, recordable) if fused else theirs
        for number, which in enumerate(moves * 2):
            if number == len(moves):
                saved = io.BytesIO()
                torch.save(optimiser.state_dict(), saved)
                optimiser.load_state_dict(torch.load(io.BytesIO(saved.getvalue()), weights_only=True))
            optimiser.zero_grad()
            for weight in {"a": weights, "b": weights[:1], "c": weights[1:2]}[which]:
                weight.square().sum().backward()
            optimiser.step()
        counts = [float(state["step"]) for state in optimiser.state.values()]
        ends.append((weights, counts))
    assert same(*ends)
    assert ends[0][1] == [2.0 * sum(move in wanted for move in moves) for wanted in ("ab", "ac", "a")]


def test_weights_that_always_move_together_share_their_count_unless_steps_are_recorded() -> None:
    for recordable, counts in ((False, 1), (True, 3)):
        weights = [nn.Parameter(torch.ones(2)) for _ in range(3)]
        optimiser = make_optimiser(Optimiser(), weights, recordable)
        for weight in weights:
            weight.square().sum().backward()
        optimiser.step()
        assert len({id(state["step"]) for state in optimiser.state.values()}) == counts


def test_fused_adam_does_not_import_torchs_compiler() -> None:
    code = (
        "import sys, torch\n"
        "from ganzoo.recipes import Optimiser\n"
        "from ganzoo.training.optim import make_optimiser\n"
        "weight = torch.nn.Parameter(torch.ones(2))\n"
        "optimiser = make_optimiser(Optimiser(), [weight])\n"
        "weight.sum().backward()\n"
        "optimiser.step()\n"
        "optimiser.load_state_dict(optimiser.state_dict())\n"
        "optimiser.zero_grad()\n"
        "print(weight.grad, weight[0].item() < 1, 'torch._dynamo' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["None", "True", "False"]


def test_where_no_kernel_is_fused_torch_takes_the_step() -> None:
    mixed = [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2, dtype=torch.float64))]
    assert type(make_optimiser(Optimiser(), mixed)) is torch.optim.Adam


def test_a_learning_rate_on_the_device_comes_back_with_the_recipe() -> None:
    weight = nn.Parameter(torch.ones(2))
    optimiser = make_optimiser(Optimiser(lr=0.5), [weight], recordable=True)
    assert isinstance(optimiser.param_groups[0]["lr"], torch.Tensor)
    set_learning_rate(optimiser, 0.25)
    assert optimiser.param_groups[0]["lr"].item() == 0.25


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize(("start", "steps"), [(0.0, 10), (0.5, 10), (0.5, 7), (0.9, 10), (0.0, 2), (0.99, 100)])
@pytest.mark.parametrize("final", [0.0, 0.1, 1.0])
def test_a_schedule_begins_at_the_rate_and_ends_at_final_lr_in_the_last_step(
    schedule: str, start: float, steps: int, final: float
) -> None:
    spec = Optimiser(lr=0.2, schedule=schedule, schedule_start=start, final_lr=final)
    rates = [learning_rate(spec, step, steps) for step in range(steps)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[-1] == pytest.approx(0.2 * final)
    assert rates == sorted(rates, reverse=True)


def test_a_warm_up_reaches_the_rate_in_its_last_step() -> None:
    spec = Optimiser(lr=0.2, warmup=4)
    assert [learning_rate(spec, step, 10) for step in range(5)] == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.2])
