"""Games that change from step to step are recorded if they only write to tensors in place."""

from __future__ import annotations

from typing import Any

import games
import pytest
import torch
from small import point_data, recipe, two_player
from tape import Tapes
from test_capture import assert_same, devices, make, play
from torch import Tensor, nn

from ganzoo.game import Level, Progress
from ganzoo.games import TwoPlayer
from ganzoo.training.capture import WARM_UPS, python_state
from ganzoo.training.recording import CHANGES
from ganzoo.training.trainer import Trainer

STEPS = 2 * (CHANGES + WARM_UPS + 2)
UNSTEADY = {"the game changes more than tensors from step to step"}
FADED = 0.0


class Fading(TwoPlayer):
    """Noise on what D sees fades out, as a buffer says; `change` is what else `on_step` does."""

    alpha: Tensor
    factor = 1.0

    def setup(self, recipe: Any, data: Any) -> None:
        self.register_buffer("alpha", torch.ones(()))
        self.register_buffer("drawn", torch.zeros(()))

    def on_step(self, progress: Progress) -> None:
        self.alpha.fill_(1.0 - progress.share)
        self.drawn += torch.rand((), device=self.drawn.device)
        self.change(progress)

    def change(self, progress: Progress) -> None:
        pass

    def look(self, x: Any, y: Tensor | None = None) -> Any:
        return super().look(self.factor * x + 3 * self.alpha * torch.randn_like(x), y)


def pair(kind: type[TwoPlayer], device: str = "cpu", steps: int = STEPS) -> tuple[Trainer, Trainer]:
    """Trainers with and without a recorder after all steps."""
    used = recipe(steps=steps, ema=0.9)
    recorded, plain = (play(make(two_player(used, kind=kind), point_data(), used, device, r), steps) for r in (1, 0))
    return recorded, plain


def replays(trainer: Trainer, steps: int = 1) -> int:
    """How often the next steps replay anything."""
    recorder = trainer.recording.recorder
    assert isinstance(recorder, Tapes)
    before = recorder.replays
    play(trainer, steps)
    return recorder.replays - before


@devices
def test_a_game_that_writes_to_its_tensors_is_recorded_and_learns_the_same(device: str) -> None:
    recorded, plain = pair(Fading, device)
    assert recorded.recording.unrecorded == {}
    assert_same(recorded, plain)
    assert float(recorded.gan.alpha) == pytest.approx(1 / STEPS)


def test_all_its_updates_are_replays() -> None:
    used = recipe(steps=STEPS)
    trainer = play(make(two_player(used, kind=Fading), point_data(), used), WARM_UPS + 3)
    assert replays(trainer, 3) == 3 * (2 + 1), "two phases and the averages"


class Number(Fading):
    def change(self, progress: Progress) -> None:
        self.factor = 1.0 + progress.share


class InALayer(Fading):
    def change(self, progress: Progress) -> None:
        self.discriminator.scales = [{"x": progress.share}]
        self.factor = self.discriminator.scales[0]["x"]


class OfTheClass(Fading):
    def change(self, progress: Progress) -> None:
        OfTheClass.factor = 1.0 + progress.share


class Global(Fading):
    def change(self, progress: Progress) -> None:
        global FADED
        FADED = progress.share

    def look(self, x: Any, y: Tensor | None = None) -> Any:
        return super().look(x * (1 + FADED), y)


class KeepsProgress(Fading):
    def change(self, progress: Progress) -> None:
        self.progress = progress

    def look(self, x: Any, y: Tensor | None = None) -> Any:
        return super().look(x * (1 + self.progress.share), y)


class NewTensor(Fading):
    def change(self, progress: Progress) -> None:
        self.alpha = torch.full((), 1.0 - progress.share, device=self.alpha.device)


class Alternates(Fading):
    """Freezes a weight and unfreezes another in turn."""

    def change(self, progress: Progress) -> None:
        weights = list(self.discriminator.parameters())
        weights[0].requires_grad_(progress.step % 2 == 0)
        weights[2].requires_grad_(progress.step % 2 == 1)


def enclosed() -> type[Fading]:
    faded = 0.0

    class Enclosed(Fading):
        def change(self, progress: Progress) -> None:
            nonlocal faded
            faded = progress.share

        def look(self, x: Any, y: Tensor | None = None) -> Any:
            return super().look(x * (1 + faded), y)

    return Enclosed


UNSTEADY_GAMES = [Number, InALayer, OfTheClass, Global, KeepsProgress, NewTensor, Alternates, enclosed()]


@pytest.mark.parametrize("kind", UNSTEADY_GAMES, ids=lambda kind: kind.__name__)
def test_what_changes_besides_is_never_frozen(kind: type[Fading]) -> None:
    recorded, plain = pair(kind)
    assert set(recorded.recording.unrecorded.values()) == UNSTEADY
    assert recorded.recording._averages.reason in UNSTEADY
    assert_same(recorded, plain)


def test_numbers_are_not_frozen_where_an_update_is_recorded_within_a_step() -> None:
    used = recipe(steps=STEPS, n_critic=WARM_UPS + 3)
    recorded, plain = (play(make(two_player(used, kind=Number), point_data(), used, "cpu", r), STEPS) for r in (1, 0))
    assert set(recorded.recording.unrecorded.values()) == UNSTEADY
    assert_same(recorded, plain)


class Once(Fading):
    def change(self, progress: Progress) -> None:
        self.factor = 1.0 if progress.share < 0.5 else -2.0


class Thaws(Fading):
    def change(self, progress: Progress) -> None:
        next(self.discriminator.parameters()).requires_grad_(progress.share >= 0.5)


@pytest.mark.parametrize("kind", [Once, Thaws])
def test_after_a_change_everything_is_recorded_again(kind: type[Fading]) -> None:
    used = recipe(steps=STEPS, ema=0.9)
    recorded, plain = (make(two_player(used, kind=kind), point_data(), used, "cpu", r) for r in (True, False))
    play(recorded, STEPS // 2)
    assert replays(recorded) == 0, "the first step after the change"
    play(recorded, STEPS // 2 - 2)
    assert replays(recorded) == 3
    assert recorded.recording.unrecorded == {}
    assert_same(recorded, play(plain, STEPS))


class Levels(Fading):
    def level(self, progress: Progress) -> Level:
        return Level(1, batch=12, rate=0.5, resets=("d",)) if progress.share >= 0.5 else Level(0)


class NumberAtFirst(Levels):
    def change(self, progress: Progress) -> None:
        self.factor = min(1.0, 0.5 + progress.share)


def test_a_level_discards_recordings_and_is_recorded_with_its_own_batch() -> None:
    used = recipe(steps=STEPS, ema=0.9)
    recorded, plain = (make(two_player(used, kind=Levels), point_data(), used, "cpu", r) for r in (True, False))
    play(recorded, STEPS // 2)
    assert replays(recorded) == 0
    play(recorded, STEPS // 2 - 2)
    assert replays(recorded) == 3
    assert_same(recorded, play(plain, STEPS))


def test_a_level_in_which_no_number_changes_is_recorded_after_one_in_which_it_did() -> None:
    used = recipe(steps=STEPS, ema=0.9)
    recorded, plain = (make(two_player(used, kind=NumberAtFirst), point_data(), used, "cpu", r) for r in (True, False))
    play(recorded, STEPS // 2)
    assert set(recorded.recording.unrecorded.values()) == UNSTEADY
    play(recorded, STEPS // 2)
    assert recorded.recording.unrecorded == {}
    assert_same(recorded, play(plain, STEPS))


def test_a_state_goes_to_an_unrecorded_training_and_back() -> None:
    used = recipe(steps=3 * STEPS, ema=0.9)
    straight = play(make(two_player(used, kind=Levels), point_data(), used, recorded=False), 3 * STEPS)
    trainer = make(two_player(used, kind=Levels), point_data(), used)
    for recorded in (True, False, True):
        following = make(two_player(used, kind=Levels), point_data(), used, recorded=recorded)
        if trainer.progress.step:
            following.load_state(trainer.state())
        trainer = play(following, STEPS)
    assert_same(trainer, straight)


def test_a_buffer_that_the_host_reads_keeps_a_phase_from_being_recorded() -> None:
    gan, dataset, used = games.growing()
    trainer = play(make(gan, dataset, used), 6)
    reasons = trainer.recording.unrecorded
    assert all("needs values on the host" in reason for reason in reasons.values())
    assert reasons.keys() == {"d", "g"}


def test_a_scalar_on_another_device_counts_as_a_number() -> None:
    module = nn.Module()
    module.alpha = torch.tensor(0.5)
    elsewhere, here = torch.device("meta"), torch.device("cpu")
    states = []
    for value in (0.5, 0.25):
        module.alpha.fill_(value)
        states.append((python_state(module, elsewhere), python_state(module, here)))
    assert states[0][0] != states[1][0]
    assert states[0][1] == states[1][1]
