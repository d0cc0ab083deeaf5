"""What a game's `on_step` sets is there before anything is sampled: in training, in a resumed run, in a loaded one."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import games
import pytest
import small
import torch
from small import same
from torch import Tensor
from tutorial import blocks

import ganzoo
from ganzoo.callbacks import Callback
from ganzoo.game import Progress
from ganzoo.games import TwoPlayer
from ganzoo.runs.sampling import build_at
from ganzoo.specs import Variant
from ganzoo.training.trainer import Trainer
from ganzoo.zoo.loading import Plugin
from ganzoo.zoo.zoo import Zoo


class Warming(TwoPlayer):
    """Samples are scaled by what `on_step` sets; it draws a random number, and counts its calls in a buffer."""

    calls: Tensor

    def on_step(self, progress: Progress) -> None:
        self.scale = 1 + progress.step + torch.rand(1).item()
        self.calls += 1

    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.scale * super().generate(z, y)


def warming(used: Any, data: Any) -> Warming:
    torch.manual_seed(used.seed)
    gan = Warming.from_recipe(small.perceptron(used.latent, 2), small.Logits(small.perceptron(2, 1)), used, data)
    gan.register_buffer("calls", torch.tensor(0))
    return gan


class Sampling(Callback):
    """Samples at every moment."""

    def __init__(self) -> None:
        self.seen: dict[int, Tensor] = {}

    def on_start(self, trainer: Any) -> None:
        self.keep(trainer)

    def on_step(self, trainer: Any) -> None:
        self.keep(trainer)

    def keep(self, trainer: Any) -> None:
        with trainer.gan.for_sampling(averaged=False):
            torch.manual_seed(1)
            self.seen[trainer.progress.step] = trainer.gan.sample(4)


def trained(steps: int, state: dict[str, Any] | None = None, callbacks: Any = ()) -> Trainer:
    used = small.recipe(steps=6)
    trainer = small.trainer(used, warming(used, small.point_data().spec), callbacks)
    if state is not None:
        trainer.load_state(state)
    trainer.progress.steps = steps
    trainer.fit()
    return trainer


def test_callbacks_may_sample_before_the_first_step() -> None:
    sampling = Sampling()
    trainer = trained(6, callbacks=[sampling])
    assert list(sampling.seen) == [0, 1, 2, 3, 4, 5, 6]
    assert trainer.gan.calls == 6


def test_sampling_before_the_first_step_changes_nothing() -> None:
    with_samples, without = trained(6, callbacks=[Sampling()]), trained(6)
    played = small.trainer(small.recipe(steps=6), warming(small.recipe(), small.point_data().spec))
    for _ in range(6):
        played.play_step()
    assert same(with_samples.state()["gan"], without.state()["gan"])
    assert same(played.state()["gan"], without.state()["gan"])


def test_a_resumed_run_calls_on_step_once_for_each_step_and_ends_as_an_unbroken_one() -> None:
    half = trained(3).state()
    sampling = Sampling()
    resumed = trained(6, half, [sampling])
    assert list(sampling.seen) == [3, 4, 5, 6]
    assert resumed.gan.calls == 6
    assert same(resumed.state()["gan"], trained(6).state()["gan"])


def test_a_run_with_no_steps_left_is_left_as_it_is() -> None:
    end = trained(6).state()
    assert same(trained(6, end).state()["gan"], end["gan"])


def test_a_loaded_game_samples_what_it_sampled_after_its_last_step() -> None:
    sampling = Sampling()
    trainer = trained(6, callbacks=[sampling])
    variant = Variant("warming", "Scaled samples.", "no paper", ("points",), {"points": trainer.recipe}, warming)
    loaded = build_at(variant, trainer.recipe, small.point_data().spec, 6)
    loaded.load_state_dict(trainer.gan.state_dict())
    with loaded.for_sampling(averaged=False):
        torch.manual_seed(1)
        assert same(loaded.sample(4), sampling.seen[6])
    assert loaded.calls == 6


def test_a_growing_game_is_built_at_its_level() -> None:
    gan, data, used = games.growing()
    variant = Variant("growing", "Grows.", "no paper", ("points",), {"points": used}, lambda recipe, data: gan)
    assert build_at(variant, used, data.spec, 6).players["g"].level == 1
    assert build_at(variant, used, data.spec, 0).players["g"].level == 0


@pytest.fixture
def tutorial(fresh: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tutorial's plugin, added to the zoo of this process."""
    for block in blocks():
        if block.file.endswith(".py") and block.file.startswith("ganzoo_noisy/"):
            file = tmp_path / "package" / block.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
    monkeypatch.syspath_prepend(tmp_path / "package")
    assert fresh.add(Plugin("noisy", "ganzoo-noisy", "0.1.0", importlib.import_module("ganzoo_noisy"))).error == ""


@pytest.mark.usefixtures("tutorial")
def test_the_plugin_of_the_tutorial_is_diagnosed_from_its_first_step(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = ganzoo.train("noisy", steps=60, out=str(tmp_path / "run"), progress=False, device="cpu")
    assert "failed" not in caplog.text
    measured = [json.loads(line) for line in (run.path / "diagnosis.jsonl").read_text().splitlines()]
    assert [record["step"] for record in measured][:2] == [0, 50]
    assert all({"variety", "separation", "gradient"} <= set(record) for record in measured)
    assert ganzoo.load(run.path).sample(3).shape == (3, 2)
