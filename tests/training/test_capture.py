"""Recorded phases do what unrecorded ones do. On the CPU the recorder is `tape.py`; on a GPU, CUDA graphs."""

from __future__ import annotations

import itertools
import math
from typing import Any

import games
import pytest
import torch
from kills import bundled_variants, variant_case
from small import point_data, recipe, two_player
from tape import Tapes
from torch import Tensor, nn

from ganzoo.api import planning
from ganzoo.data.dataset import Dataset
from ganzoo.game import GAN, Batch, Phase, Terms
from ganzoo.games import TwoPlayer
from ganzoo.machine.fabric import SingleDevice
from ganzoo.machine.launch import choose_device
from ganzoo.recipes import DataSpec, Optimiser, Recipe, Term
from ganzoo.training.capture import WARM_UPS, HostWork, Recorder, make_recorder
from ganzoo.training.nonfinite import NonFinite
from ganzoo.training.trainer import Trainer
from ganzoo.zoo.datasets import load_data

GPU = pytest.param(
    "cuda",
    marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")],
)
devices = pytest.mark.parametrize("device", ["cpu", GPU])
STEPS = 12


def make(
    gan: GAN, dataset: Dataset, used: Recipe, device: str = "cpu", recorded: bool = True, bf16: bool = False
) -> Trainer:
    fabric = SingleDevice(choose_device(device), bf16)
    recorder: Recorder | None = None
    if recorded:
        recorder = make_recorder(fabric.device, True) or Tapes()
    trainer = Trainer(gan, dataset, used, fabric, recorder=recorder)
    # As on a GPU: nobody waits for a flag.
    trainer.finite_check.immediate = False
    return trainer


def play(trainer: Trainer, steps: int = STEPS) -> Trainer:
    for _ in range(steps):
        trainer.play_step()
    return trainer


def learnt(trainer: Trainer) -> list[Tensor]:
    states = [state for o in trainer.optimisers.values() for state in o.state.values()]
    moments = [value for state in states for value in state.values() if isinstance(value, Tensor)]
    return [*trainer.gan.state_dict().values(), *moments]


def assert_same(recorded: Trainer, plain: Trainer) -> None:
    """Up to rounding, see `differing`."""
    assert differing(recorded, plain) == []


def differing(recorded: Trainer, plain: Trainer) -> list[str]:
    """What two trainings have learnt differently, beyond rounding, which Adam makes larger.

    The bound is a tenth of what a frozen number would do within these steps. Tensors are compared by root mean squares,
    as the gradient of an absolute value may flip for a single number.
    """
    found = []
    for number, (a, b) in enumerate(zip(learnt(recorded), learnt(plain), strict=True)):
        difference, size = ((x.double().square().mean().sqrt().item()) for x in (a - b, b))
        if not difference <= 1e-2 * size + 1e-4:
            found.append(f"tensor {number} of size {size} by {difference}")
    log, wanted = recorded.read_log(), plain.read_log()
    assert log.keys() == wanted.keys()
    different = [name for name in log if not math.isclose(log[name], wanted[name], rel_tol=1e-2, abs_tol=1e-4)]
    return found + [f"{name}: {log[name]}, not {wanted[name]}" for name in different]


def variant(name: str, device: str, recorded: bool, seed: int = 0, **keys: Any) -> Trainer:
    """A bundled variant, small, on the digits or points."""
    case = variant_case(name, steps=STEPS, keys=keys)
    plan = planning.plan(case.recipe, steps=STEPS, seed=seed, set=dict(case.keys), device=device)
    dataset = load_data(plan.recipe.data, plan.options)
    return make(planning.build(plan, dataset.spec), dataset, plan.recipe, device, recorded)


UNRECORDED = {
    # Clipping came with RMSprop, which has no kernel that a flag on the device could stop.
    "wgan": "the host decides whether the optimiser may step",
    "r3gan": "the recipe changes from step to step",
}
"""Variants whose phases are not recorded, and why."""


@devices
@pytest.mark.parametrize("name", bundled_variants())
def test_every_bundled_variant_is_recorded_and_learns_the_same(name: str, device: str) -> None:
    # A bias before a normalisation has a gradient of rounding errors, which Adam would scale up to a whole step; and at
    # the recipes' own rates, or over more steps, some games are chaotic: rounding errors grow a hundredfold in a few.
    keys = {"ema": 0.9} | {f"{player}.{key}": 1e-4 for player in "gd" for key in ("eps", "lr")}
    found = []
    # Some games are chaotic with some weights: two plain trainings from weights that differ by 1e-7 differ as much in a
    # few steps. A replay that is wrong is so with all weights.
    for seed in (0, 1, 2):
        recorded, plain = (play(variant(name, device, r, seed, **keys), WARM_UPS + 4) for r in (True, False))
        found = differing(recorded, plain)
        if not found:
            break
    assert found == []
    assert isinstance(recorded.recording.recorder, Tapes) is (device == "cpu")
    reasons = recorded.recording.unrecorded
    # "" is for a penalty that is not yet due often enough.
    assert set(reasons.values()) <= {UNRECORDED.get(name, ""), ""}
    assert ("d" in reasons) == (name in UNRECORDED)


SETTINGS: dict[str, dict[str, Any]] = {
    "lazy R1": {"penalties": {"r1": Term(weight=1.0, every=2)}, "steps": 2 * STEPS},
    "penalties that share D's pass": {"penalties": {"r1": Term(weight=1.0), "r2": Term(weight=1.0)}},
    "a penalty in D's phase": {"penalties": {"wgan-gp": Term(weight=1.0)}, "n_critic": 2},
    "a schedule": {"g": Optimiser(lr=1e-2, schedule="linear", warmup=4), "d": Optimiser(lr=1e-2, schedule="cosine")},
    "a paired loss": {"loss": "relativistic"},
    "spectral normalisation": {"spectral_norm": True},
    "decoupled decay": {"g": Optimiser(name="adamw", lr=1e-2, weight_decay=0.1)},
    "uniform latents": {"latent_distribution": "uniform"},
    "no averages": {"ema": 0.0},
}


def test_parts_of_a_batch_share_random_numbers_and_are_not_recorded() -> None:
    used = recipe(steps=STEPS, ema=0.9, accumulate=2)
    recorded, plain = (play(make(two_player(used), point_data(), used, "cpu", r), used.steps) for r in (True, False))
    assert set(recorded.recording.unrecorded.values()) == {"the parts of a batch share random numbers"}
    assert_same(recorded, plain)


@devices
@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_of_a_recipe_are_obeyed_in_replays(setting: str, bf16: bool, device: str) -> None:
    used = recipe(**({"steps": STEPS, "ema": 0.9} | SETTINGS[setting]))
    trainers = [make(two_player(used), point_data(), used, device, recorded, bf16) for recorded in (True, False)]
    recorded, plain = (play(trainer, used.steps) for trainer in trainers)
    assert recorded.recording.unrecorded == {}
    assert_same(recorded, plain)


@devices
def test_batch_normalisation_and_mirrored_images_in_memory_and_on_disk(device: str) -> None:
    pixels = torch.randint(0, 255, (40, 1, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    used, spec = recipe(steps=STEPS, ema=0.9), DataSpec("test", "image", (1, 8, 8))
    for images in (pixels, pixels.numpy()):
        trainers = []
        for recorded in (True, False):
            torch.manual_seed(0)
            # No biases before normalisation: their gradients are rounding errors, which Adam makes large.
            wide = nn.Linear(4, 64, bias=False)
            g = nn.Sequential(wide, nn.BatchNorm1d(64), nn.ReLU(), nn.Unflatten(1, (1, 8, 8)), nn.Tanh())
            head = nn.Sequential(nn.Flatten(), nn.Linear(36, 1), nn.Flatten(0))
            d = nn.Sequential(nn.Conv2d(1, 4, 3, 2, bias=False), nn.BatchNorm2d(4), head)
            gan = TwoPlayer.from_recipe(g, d, used, spec)
            trainers.append(play(make(gan, Dataset({"x": images}, spec, flip=True), used, device, recorded)))
        assert trainers[0].recording.unrecorded == {}
        assert_same(*trainers)


def test_after_the_warm_up_every_update_is_a_replay() -> None:
    used = recipe(steps=STEPS)
    trainer = make(two_player(used), point_data(), used)
    assert isinstance(trainer.recording.recorder, Tapes)
    play(trainer, WARM_UPS + 2)
    before = trainer.recording.recorder.replays
    play(trainer, 3)
    assert trainer.recording.recorder.replays - before == 3 * (2 + 1), "two phases and the averages"


def test_a_state_goes_from_a_recorded_training_to_an_unrecorded_one_and_back() -> None:
    used = recipe(steps=3 * STEPS, ema=0.9, g=Optimiser(lr=1e-2, schedule="linear"))
    straight = play(make(two_player(used), point_data(), used, recorded=False), 3 * STEPS)
    trainer = make(two_player(used), point_data(), used)
    for recorded in (True, False, True):
        following = make(two_player(used), point_data(), used, recorded=recorded)
        if trainer.progress.step:
            following.load_state(trainer.state())
        trainer = play(following)
    assert_same(trainer, straight)


class Told(GAN):
    """One player and a given loss."""

    def __init__(self, loss: Any) -> None:
        super().__init__({"g": nn.Linear(2, 2)}, ema=["g"])
        self.loss, self.calls = loss, 0

    def phases(self) -> list[Phase]:
        return [Phase("g", "g", lambda batch: self.loss(self, batch))]


def reads_a_value(gan: Told, batch: Batch) -> Terms:
    out = gan.players["g"](batch["x"]).square().mean()
    return {"loss": out * (2 if out.item() > 0.5 else 1)}


def counts(gan: Told, batch: Batch) -> Terms:
    gan.calls += 1
    return {"loss": gan.players["g"](batch["x"]).square().mean() * gan.calls}


def replaces_a_tensor(gan: Told, batch: Batch) -> Terms:
    gan.mean = batch["x"].mean() + 1  # type: ignore[assignment]
    return {"loss": gan.players["g"](batch["x"]).square().mean() * gan.mean}


def picks_rows(gan: Told, batch: Batch) -> Terms:
    x = batch["x"]
    return {"loss": gan.players["g"](x[x[:, 0] > 0]).square().sum()}


def follows_a_hidden_clock(gan: Told, batch: Batch) -> Terms:
    return {"loss": (gan.players["g"](batch["x"]) - float(next(CLOCK))).square().mean()}


CLOCK = itertools.count()
OBSTACLES = [
    (reads_a_value, "needs values on the host"),
    (counts, "attributes that are not tensors"),
    (replaces_a_tensor, "attributes that are not tensors"),
    (picks_rows, "needs values on the host"),
    (follows_a_hidden_clock, "a replay does not do what the code does"),
]


@pytest.mark.parametrize(("loss", "reason"), OBSTACLES)
def test_what_cannot_be_replayed_is_not_and_learns_as_it_would(loss: Any, reason: str) -> None:
    trainers = []
    for recorded in (True, False):
        torch.manual_seed(0)
        trainer = make(Told(loss), point_data(), games.PlainRecipe(g=games.FAST, batch=8, steps=STEPS), "cpu", recorded)
        if loss is not follows_a_hidden_clock:
            trainers.append(play(trainer))
        elif recorded:
            play(trainer)
            trainers = [trainer, trainer]
            break
    assert reason in trainers[0].recording.unrecorded["g"]
    assert_same(trainers[0], trainers[1]) if trainers[0] is not trainers[1] else None


def test_a_loss_that_is_not_finite_stops_a_recorded_training_before_it_moves_a_weight() -> None:
    used, data = recipe(steps=STEPS), point_data()
    trainer = play(make(two_player(used), data, used), WARM_UPS + 3)
    trainer.read_log()
    data.arrays["x"].fill_(math.nan)
    weights = [weight.detach().clone() for weight in trainer.gan.players.parameters()]
    play(trainer, 2)
    assert all(map(torch.equal, weights, trainer.gan.players.parameters()))
    with pytest.raises(NonFinite, match=rf"d/loss became nan in step {WARM_UPS + 4} "):
        trainer.read_log()


class Pair(SingleDevice):
    """The first of two ranks that hold the same, so that their mean is what each has."""

    world_size = 2

    def __init__(self) -> None:
        super().__init__(torch.device("cpu"))

    def all_reduce(self, data: Any, *, reduce_op: str = "mean") -> Any:
        return data.clone()


def test_with_several_ranks_what_is_before_and_after_their_meeting_is_recorded() -> None:
    used = recipe(steps=STEPS, ema=0.9, penalties={"r1": Term(weight=1.0, every=2)})
    trainers = []
    for recorder in (Tapes(), None):
        trainer = Trainer(two_player(used), point_data(), used, Pair(), recorder=recorder)
        trainer.finite_check.immediate = False
        trainers.append(play(trainer))
    assert trainers[0].recording.unrecorded == {}
    assert_same(*trainers)


def test_copies_between_devices_are_seen() -> None:
    with HostWork() as seen:
        torch.ones(3, device="meta").add(2.0)
    assert seen.reason == ""
    with HostWork() as seen:
        torch.ones(3).to("meta")
    assert "between devices" in seen.reason


def test_only_a_gpu_has_a_recorder() -> None:
    assert make_recorder(torch.device("cpu"), True) is None
    assert make_recorder(torch.device("cuda"), False) is None
