"""A loss or gradient that is not finite never moves a weight: it stops the training, or its update is skipped."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from games import PlainRecipe
from small import point_data, same, train_digits
from torch import Tensor, nn

import ganzoo
from ganzoo.api import execution
from ganzoo.api.execution import make_callbacks
from ganzoo.api.planning import make_options
from ganzoo.callbacks import Callback
from ganzoo.errors import GanzooError, TrainingError
from ganzoo.files import checkpoint
from ganzoo.game import GAN, Batch, Phase, Progress, Terms
from ganzoo.machine.fabric import SingleDevice
from ganzoo.recipes import Optimiser
from ganzoo.training.nonfinite import FiniteCheck, NonFinite, UpdateReport, flag_nonfinite
from ganzoo.training.optim import make_optimiser
from ganzoo.training.trainer import Trainer


@dataclass
class Fault:
    """What goes wrong in which updates (counted from 0): "term", "only logged", or "gradient"."""

    kind: str
    value: float
    when: Callable[[int], bool]


class Faulty(GAN):
    """A player with batch normalisation and a counter, whose loss or gradient breaks as a Fault says."""

    def __init__(self, fault: Fault) -> None:
        torch.manual_seed(0)
        super().__init__({"g": nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))}, ema=["g"])
        self.fault = fault
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.updates = 0

    def phases(self) -> list[Phase]:
        return [Phase("critic", "g", self.loss, repeats=2)]

    def loss(self, batch: Batch) -> Terms:
        self.seen += 1
        broken, self.updates = self.fault.when(self.updates), self.updates + 1
        out = self.players["g"](batch["x"])
        terms = {"loss": out.square().mean(), "extra": out.mean(), "note": out.detach().mean()}
        if broken and self.fault.kind == "term":
            terms["extra"] = terms["extra"] * self.fault.value
        elif broken and self.fault.kind == "only logged":
            terms["note"] = terms["note"] * self.fault.value
        elif broken:
            # Finite itself; its derivative is infinite.
            terms["extra"] = terms["extra"] + (out * 0).abs().sum().sqrt()
        return terms


def trainer(fault: Fault, on_nonfinite: str = "stop", optimiser: str = "adam", **keys: int) -> Trainer:
    used = PlainRecipe(**({"g": Optimiser(name=optimiser, lr=1e-2), "batch": 8, "steps": 400} | keys))  # type: ignore[arg-type]
    fabric = SingleDevice(torch.device("cpu"))
    return Trainer(Faulty(fault), point_data(), used, fabric, (), 20, on_nonfinite)


def at(*updates: int) -> Callable[[int], bool]:
    return lambda update: update in updates


def learnt(trainer: Trainer) -> dict[str, object]:
    """All that updates move: weights, running statistics, counters, optimiser state."""
    state = trainer.state()
    return {"gan": {k: v.clone() for k, v in state["gan"].items()}, "optimisers": copied(state["optimisers"])}


def copied(value: object) -> object:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: copied(inner) for key, inner in value.items()}
    return [copied(inner) for inner in value] if isinstance(value, list) else value


KINDS = [("term", math.nan), ("term", math.inf), ("term", -math.inf), ("only logged", math.nan), ("gradient", 0.0)]
MESSAGES = {"term": "critic/extra became", "only logged": "critic/note became", "gradient": "the gradient of critic"}


@pytest.mark.parametrize("optimiser", ["adam", "rmsprop", "sgd"])
@pytest.mark.parametrize(("kind", "value"), KINDS)
def test_it_stops_before_the_weights_are_touched_and_says_where(kind: str, value: float, optimiser: str) -> None:
    played = trainer(Fault(kind, value, at(5)), optimiser=optimiser)
    for _ in range(2):
        played.play_step()
    played.update(played.phases[0])
    weights = {name: weight.detach().clone() for name, weight in played.gan.players.named_parameters()}
    moments = copied(played.optimisers["g"].state_dict())
    with pytest.raises(NonFinite, match=f"{MESSAGES[kind]}.* in step 3 \\(update 6\\)") as caught:
        played.update(played.phases[0])
    assert "\n" not in str(caught.value)
    assert same(weights, dict(played.gan.players.named_parameters()))
    assert same(moments, played.optimisers["g"].state_dict())


@pytest.mark.parametrize("part", [0, 1])
def test_it_is_found_in_any_part_of_an_accumulated_batch(part: int) -> None:
    played = trainer(Fault("term", math.nan, at(2 + part)), accumulate=2)
    played.update(played.phases[0])
    with pytest.raises(NonFinite, match=r"critic/extra became nan in step 1 \(update 2\)"):
        played.update(played.phases[0])


@pytest.mark.parametrize("optimiser", ["adam", "rmsprop", "sgd"])
@pytest.mark.parametrize(("kind", "value"), KINDS)
def test_a_skipped_update_leaves_everything_as_it_was_and_training_goes_on(
    kind: str, value: float, optimiser: str
) -> None:
    played = trainer(Fault(kind, value, at(3)), "skip", optimiser)
    for _ in range(3):
        played.update(played.phases[0])
    before = learnt(played)
    played.update(played.phases[0])
    assert same(before, learnt(played))
    assert (played.progress.updates, played.finite_check.skipped) == (4, 1)
    played.update(played.phases[0])
    assert not same(before, learnt(played))
    log = played.read_log()
    assert log["skipped"] == 1
    assert all(math.isfinite(value) for value in log.values())


def test_without_a_fault_skipping_changes_nothing_but_the_log() -> None:
    never = Fault("term", math.nan, at())
    played = [trainer(never, how) for how in ("stop", "skip")]
    for _ in range(4):
        for one in played:
            one.play_step()
    assert same(learnt(played[0]), learnt(played[1]))
    logs = [one.read_log() for one in played]
    assert logs[1] == logs[0] | {"skipped": 0.0}


def test_eleven_of_a_few_are_too_many() -> None:
    played = trainer(Fault("term", math.nan, lambda update: True), "skip")
    with pytest.raises(NonFinite, match=r"and 11 of 11 updates were skipped: more than 10 and 1% of them") as caught:
        played.fit()
    assert "\n" not in str(caught.value)
    assert played.progress.updates == 11


def skipped_until(every: int, updates: int) -> tuple[int, str]:
    """The number of skipped updates if every n-th of them is not finite, and the error message if training stops."""
    guard, weight = FiniteCheck(nn.Linear(1, 1), torch.device("cpu"), "skip"), nn.Parameter(torch.ones(1))
    phase, optimiser = Phase("p", "g", lambda batch: {}), make_optimiser(Optimiser(), [weight])
    for i in range(updates):
        guard.remember_buffers()
        values = torch.tensor([1.0 if i % every else math.nan])
        update = UpdateReport(phase, i, i, ("loss",), guard.inspect(values, [torch.ones(1)], optimiser))
        try:
            assert guard.all_finite == bool(i % every)
            if not guard.all_finite:
                guard.skip_update(update, Progress(updates=i + 1))
                assert guard.all_finite
        except NonFinite as error:
            return guard.skipped, str(error)
    return guard.skipped, ""


def test_one_in_a_hundred_never_is_too_many_and_one_in_twenty_is_after_a_while() -> None:
    assert skipped_until(100, 5000) == (50, "")
    skipped, message = skipped_until(20, 5000)
    assert skipped == 13
    assert "13 of 241 updates were skipped" in message


def test_the_count_of_skipped_updates_is_in_the_state() -> None:
    played = trainer(Fault("term", math.nan, at(0)), "skip")
    played.play_step()
    again = trainer(Fault("term", math.nan, at()), "skip")
    again.load_state(played.state())
    assert again.read_log()["skipped"] == 1


# On a GPU the flag is read later. The fused Adam of the CPU obeys it in the same way, so that is tried here.


def deferred(fault: Fault) -> Trainer:
    played = trainer(fault)
    played.finite_check.immediate = False
    return played


def test_a_flag_that_is_read_later_keeps_this_and_all_later_updates_from_the_weights() -> None:
    played = deferred(Fault("gradient", 0.0, at(3)))
    plain = trainer(Fault("term", math.nan, at()))
    for _ in range(3):
        played.update(played.phases[0])
        plain.update(plain.phases[0])
    for _ in range(4):
        played.update(played.phases[0])
    assert same(dict(played.gan.players.named_parameters()), dict(plain.gan.players.named_parameters()))
    assert same(played.optimisers["g"].state_dict(), plain.optimisers["g"].state_dict())
    with pytest.raises(NonFinite, match=r"the gradient of critic is not finite in step 1 \(update 4\)"):
        played.read_log()


def test_a_flag_that_is_read_later_changes_nothing_without_a_fault() -> None:
    played, plain = deferred(Fault("term", math.nan, at())), trainer(Fault("term", math.nan, at()))
    for _ in range(4):
        played.play_step()
        plain.play_step()
    assert same(learnt(played), learnt(plain))
    assert played.read_log() == plain.read_log()


def test_no_state_is_saved_after_a_flag_that_was_not_read_yet() -> None:
    played = deferred(Fault("term", math.nan, at(1)))
    played.play_step()
    for _ in range(2):
        with pytest.raises(NonFinite, match=r"critic/extra became nan in step 1 \(update 2\)"):
            played.state()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")
def test_on_a_gpu_the_weights_are_those_before_the_fault_and_no_update_waits() -> None:
    used = PlainRecipe(g=Optimiser(lr=1e-2), batch=8, steps=400)
    played = Trainer(Faulty(Fault("gradient", 0.0, at(3))), point_data(), used, SingleDevice(torch.device("cuda", 0)))
    for _ in range(3):
        played.update(played.phases[0])
    weights = {name: weight.detach().clone() for name, weight in played.gan.players.named_parameters()}
    for _ in range(3):
        inputs = played.updater.next_inputs(played.phases[0])
        played.progress.updates += 1
        torch.cuda.set_sync_debug_mode("error")
        try:
            report = played.updater.update(played.phases[0], *inputs)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        assert report is not None
        played.term_means.add(played.updater.describe(played.phases[0], report))
    for _ in range(3):
        played.update(played.phases[0])
    assert same(weights, dict(played.gan.players.named_parameters()))
    with pytest.raises(NonFinite, match=r"the gradient of critic is not finite"):
        played.read_log()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 3e38])
def test_the_flag_is_exact_for_every_kind_of_weight(dtype: torch.dtype, value: float) -> None:
    tensors = [torch.full((3,), 3e38), torch.ones(5, dtype=dtype), torch.ones(2)]
    tensors[1][4] = value
    found, before = torch.zeros(()), [tensor.clone() for tensor in tensors]
    flag_nonfinite(tensors, found, torch.ones(()))
    assert bool(found) == (not math.isfinite(value))
    assert all(
        torch.equal(
            a,
            b,
        )
        or a.isnan().any()
        for a, b in zip(tensors, before, strict=True)
    )
    flag_nonfinite([torch.ones(1)], found, torch.ones(()))
    assert bool(found) == (not math.isfinite(value))


# Runs.


def test_options_take_stop_and_skip() -> None:
    assert make_options().on_nonfinite == "stop"
    assert make_options(on_nonfinite="skip").on_nonfinite == "skip"
    with pytest.raises(GanzooError, match=r"unknown value of on_nonfinite 'ignore'.*skip, stop"):
        make_options(on_nonfinite="ignore")


class Poison(Callback):
    """Makes a weight infinite after a step, so that the next update is not finite."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, trainer: Trainer) -> None:
        if trainer.progress.step == self.step:
            with torch.no_grad():
                trainer.updater.weights["d"][0].fill_(math.inf)


def test_a_run_says_which_checkpoint_is_kept_and_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_callbacks
    # Last, so that the poison is in no checkpoint.
    monkeypatch.setattr(execution, "make_callbacks", lambda *arguments: [*made(*arguments), Poison(4)])
    keys = {"g_hidden": "8", "d_hidden": "8", "latent": "4", "batch": "8"}
    with pytest.raises(TrainingError) as caught:
        ganzoo.train("vanilla", dataset="digits", steps=10, set=keys, out=str(tmp_path / "r"), save_every=2,
                     device="cpu", progress=False)  # fmt: skip
    message = str(caught.value)
    assert "d/loss became nan in step 5" in message
    assert f"The checkpoint of step 4 is intact; to skip such updates, `ganzoo resume {tmp_path}/r" in message
    assert "--on-nonfinite skip" in message
    assert "lower the learning rates" in message
    assert "\n" not in message
    monkeypatch.undo()
    path, state, problems = checkpoint.newest(tmp_path / "r" / "checkpoints")
    assert (path.name, problems) == ("step-000000004.pt", [])
    assert all(torch.isfinite(value).all() for value in state["gan"].values())
    resumed = ganzoo.resume(tmp_path / "r", device="cpu", progress=False, on_nonfinite="skip")
    straight = train_digits(tmp_path / "straight", steps=10)
    assert [record["skipped"] for record in resumed.metrics()] == [0.0]
    states = [checkpoint.newest(run.checkpoints)[1]["gan"] for run in (resumed, straight)]
    assert same(*states)
