"""Keys that change during training: their values, who reads them, and that resuming needs no state."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from small import point_data, recipe, same, two_player
from small import trainer as make_trainer

import ganzoo
from ganzoo import cli
from ganzoo.errors import GanzooError
from ganzoo.games import TwoPlayer
from ganzoo.recipes import Optimiser, Schedule, Term, TwoPlayerRecipe, at_step, key, to_dict
from ganzoo.training.capture import Recorder
from ganzoo.zoo import config
from ganzoo.zoo.recipe_files import read_file


def test_a_value_is_linear_between_start_and_end() -> None:
    used = recipe(clip=1.0, schedules={"clip": Schedule(to=0.0, start=0.25, end=0.75)})
    values = [at_step(used, step, 101).clip for step in (0, 25, 50, 75, 100)]
    # From step 25.25 to step 74.75.
    assert values == pytest.approx([1.0, 1.0, 1 - (50 - 25.25) / 49.5, 0.0, 0.0])


def test_a_cosine_is_one() -> None:
    used = recipe(clip=1.0, schedules={"clip": Schedule(to=3.0, shape="cosine")})
    assert at_step(used, 25, 101).clip == pytest.approx(1 + 2 * 0.5 * (1 - math.cos(math.pi / 4)))
    assert at_step(used, 100, 101).clip == 3.0


def test_the_decay_of_averages_changes_in_its_half_life() -> None:
    used = recipe(ema=0.0, schedules={"ema": Schedule(to=0.999)})
    whole = math.log(0.5) / math.log(0.999)
    decays = [at_step(used, step, 101).ema for step in (0, 50, 100)]
    assert decays[0] == 0.0
    assert math.log(0.5) / math.log(decays[1]) == pytest.approx(whole / 2)
    assert decays[2] == pytest.approx(0.999)


@pytest.mark.parametrize(
    ("name", "to", "read"),
    [
        ("g.betas.1", 0.5, lambda r: r.g.betas[1]),
        ("d.clip_norm", 2.0, lambda r: r.d.clip_norm),
        ("penalties.r1.weight", 0.0, lambda r: r.penalties["r1"].weight),
        ("penalties.wgan-gp.options.target", 9.0, lambda r: r.penalties["wgan-gp"].options["target"]),
        ("loss_options.smoothing", 0.0, lambda r: r.loss_options["smoothing"]),
    ],
)
def test_every_number_that_is_read_anew_may_have_one(name: str, to: float, read: Any) -> None:
    start = recipe(
        penalties={"r1": Term(weight=5.0), "wgan-gp": Term(options={"target": 3.0})}, loss_options={"smoothing": 0.2}
    )
    used = config.override(start, {f"schedules.{name}.to": str(to), f"schedules.{name}.end": "0.5"})
    assert used.schedules == {name: Schedule(to=to, end=0.5)}
    assert read(at_step(used, 0, 10)) == read(start)
    assert read(at_step(used, 9, 10)) == pytest.approx(to)
    nested = to_dict(used)
    assert config.override(start, nested) == used
    shown = {k.path: k.value for k in config.keys(used)}
    assert shown[f"schedules.{name}.to"] == to


def test_toml_may_nest_or_quote_the_key(tmp_path: Path) -> None:
    wanted = {"penalties.r1.weight": Schedule(to=0.5, end=0.9)}
    start = recipe(penalties={"r1": Term()})
    for number, text in enumerate(
        (
            '[schedules."penalties.r1.weight"]\nto = 0.5\nend = 0.9\n',
            "[schedules.penalties.r1.weight]\nto = 0.5\nend = 0.9\n",
        )
    ):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        assert config.override(start, read_file(file)).schedules == wanted
    added = config.override(config.override(start, {"schedules": wanted_dict(wanted)}), {"schedules.ema.to": 0.5})
    assert set(added.schedules) == {"penalties.r1.weight", "ema"}
    assert set(config.override(added, {"schedules.ema": "none"}).schedules) == {"penalties.r1.weight"}
    assert config.override(added, {"schedules": "none"}).schedules == {}


def wanted_dict(schedules: dict[str, Schedule]) -> dict[str, Any]:
    return {name: dataclasses.asdict(schedule) for name, schedule in schedules.items()}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("schedules.ema.end=0.5", "schedules.ema has no end value: add --set schedules.ema.to=VALUE"),
        ("schedules.ema.to=1", "ema: expected a number of at least 0 and below 1, got 1.0"),
        ("schedules.ema.to=x", "schedules.ema.to: expected a number or none, got 'x'"),
        ("schedules.ema.till=1", "unknown recipe key 'schedules.ema.till'"),
        (
            "schedules.g.lr.to=0.1",
            "schedules.g.lr: learning rates have keys of their own, for example --set g.sch",
        ),
        ("schedules.batch.to=9", "unknown key in schedules 'batch'"),
        ("schedules.d.betas.to=0.5", "unknown key in schedules 'd.betas': did you mean d.betas.1"),
        ("schedules.d.betas.1.to=1", "d.betas.1: expected 2 numbers"),
        ("schedules.penalties.r1.weight.to=1", "unknown key in schedules 'penalties.r1.weight'"),
        ("schedules.loss_options.smoothing.to=1", "unknown key in schedules 'loss_options.smoothing'"),
        ("schedules.ema.to=0.9 schedules.ema.start=0.5 schedules.ema.end=0.5", "end=0.5 must be above its start, 0.5"),
        ("schedules=ema", "schedules is a group of keys"),
        ("schedules.ema=0.9", "write it as --set schedules.KEY.to=VALUE"),
    ],
)
def test_what_cannot_be_is_one_line(keys: str, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    settings = [word for each in keys.split() for word in ("--set", each)]
    assert cli.run(["train", "vanilla", "--steps", "1", "--dry-run", *settings]) == 2
    err = capfd.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1


class Watching(TwoPlayer):
    """Notes what it sees in each step."""

    def setup(self, used: Any, data: Any) -> None:
        self.seen: list[tuple[float, ...]] = []

    def on_step(self, progress: Any) -> None:
        self.seen.append((self.recipe.noise, self.recipe.penalties["r1"].weight, self.loss.smoothing))


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoisyRecipe(TwoPlayerRecipe):
    noise: float = key(0.5, "Noise.", minimum=0, live=True)
    fixed: float = key(0.5, "A number that only build() reads.")


def noisy(**keys: Any) -> NoisyRecipe:
    schedules = {
        "noise": Schedule(to=0.0),
        "penalties.r1.weight": Schedule(to=0.0),
        "loss_options.smoothing": Schedule(to=0.5),
        "d.betas.0": Schedule(to=0.9),
        "g.weight_decay": Schedule(to=0.1),
        "ema": Schedule(to=0.9),
    }
    made: dict[str, Any] = {
        "g": Optimiser(lr=1e-2),
        "d": Optimiser(lr=1e-2),
        "latent": 4,
        "batch": 8,
        "steps": 5,
        "penalties": {"r1": Term(weight=2.0)},
        "loss_options": {"smoothing": 0.1},
        "schedules": schedules,
    }
    return NoisyRecipe(**(made | keys))


def test_a_game_reads_the_recipe_of_the_step() -> None:
    used = noisy()
    trainer = make_trainer(used, two_player(used, kind=Watching))
    betas, decays = [], []
    for _ in range(5):
        trainer.play_step()
        betas.append(trainer.optimisers["d"].param_groups[0]["betas"])
        decays.append(trainer.optimisers["g"].param_groups[0]["weight_decay"])
    gan: Any = trainer.gan
    assert [s[0] for s in gan.seen] == pytest.approx([0.5, 0.375, 0.25, 0.125, 0.0])
    assert [s[1] for s in gan.seen] == pytest.approx([2.0, 1.5, 1.0, 0.5, 0.0])
    assert [s[2] for s in gan.seen] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert [b[0] for b in betas] == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9])
    assert {b[1] for b in betas} == {0.999}
    assert decays == pytest.approx([0, 0.025, 0.05, 0.075, 0.1])
    assert gan.penalties["r1"][1].weight == pytest.approx(0.0)
    # What is recorded is the recipe as it was given.
    assert trainer.state()["recipe"] == to_dict(used)


def test_a_number_that_only_build_reads_has_none() -> None:
    with pytest.raises(GanzooError, match="unknown key in schedules 'fixed'"):
        config.override(noisy(), {"schedules.fixed.to": 1.0})


def test_a_schedule_of_the_average_keeps_one_from_the_first_step() -> None:
    used = recipe(ema=0.0, schedules={"ema": Schedule(to=0.9)})
    trainer = make_trainer(used)
    assert list(trainer.gan.averages) == ["g"]
    trainer.play_step()
    # A decay of 0 is a copy.
    assert same(dict(trainer.gan.averages["g"].state_dict()), dict(trainer.gan.players["g"].state_dict()))
    trainer.play_step()
    assert not same(dict(trainer.gan.averages["g"].state_dict()), dict(trainer.gan.players["g"].state_dict()))


def test_what_is_left_out_takes_its_schedules_and_options_along() -> None:
    start = recipe(
        penalties={"r1": Term(weight=5.0), "r2": Term(weight=5.0)},
        loss_options={"smoothing": 0.2},
        augment="ada-fixed",
        augment_options={"p": 0.0},
        schedules={name: Schedule(to=1.0) for name in ("penalties.r1.weight", "penalties.r2.weight", "clip")}
        | {"loss_options.smoothing": Schedule(to=0.0), "augment_options.p": Schedule(to=0.5)},
    )
    used = config.override(start, {"penalties": "r1", "loss": "hinge", "augment": "none"})
    assert list(used.schedules) == ["penalties.r1.weight", "clip"]
    assert used.loss_options == used.augment_options == {}
    assert config.override(start, {"loss": "hinge", "loss_options.smoothing": "0.1"}).loss_options == {"smoothing": 0.1}
    with pytest.raises(GanzooError, match=r"penalties\.r2\.weight"):
        config.override(used, {"schedules.penalties.r2.weight.to": "2"})


def test_a_run_with_schedules_resumes_bit_for_bit() -> None:
    used = noisy()
    straight = make_trainer(used, two_player(used, kind=Watching))
    for _ in range(5):
        straight.play_step()
    first = make_trainer(used, two_player(used, kind=Watching))
    for _ in range(2):
        first.play_step()
    second = make_trainer(used, two_player(used, kind=Watching))
    second.load_state(first.state())
    for _ in range(3):
        second.play_step()
    assert same(dict(straight.gan.state_dict()), dict(second.gan.state_dict()))
    assert straight.gan.seen[2:] == second.gan.seen  # type: ignore[attr-defined]


def test_schedules_change_what_is_learnt_and_without_them_nothing_does() -> None:
    def weights(used: TwoPlayerRecipe) -> dict[str, Any]:
        trainer = make_trainer(used)
        for _ in range(4):
            trainer.play_step()
        return dict(trainer.gan.state_dict())

    plain = weights(recipe(penalties={"r1": Term()}))
    constant = weights(recipe(penalties={"r1": Term()}, schedules={"penalties.r1.weight": Schedule(to=1.0)}))
    falling = weights(recipe(penalties={"r1": Term()}, schedules={"penalties.r1.weight": Schedule(to=0.0)}))
    assert same(plain, constant)
    assert not same(plain, falling)


class Always(Recorder):
    """Records everything."""

    def record(self, work: Any, inputs: Any) -> Any:
        raise AssertionError("it must not be recorded")


def test_phases_that_a_schedule_changes_are_not_recorded() -> None:
    from ganzoo.machine.fabric import SingleDevice
    from ganzoo.training.trainer import Trainer

    for schedules, reason in (({"clip": Schedule(to=1.0)}, "the recipe changes from step to step"), ({}, "")):
        used = recipe(clip=0.5, schedules=schedules)
        trainer = Trainer(two_player(used), point_data(), used, SingleDevice(torch.device("cpu")))
        assert trainer.recording._reason_not_to_record(trainer.phases[0]) in (
            reason, "the host decides whether the optimiser may step",
        )  # fmt: skip
        assert not reason or trainer.recording._reason_not_to_record(trainer.phases[0]) == reason


def test_an_option_that_is_no_attribute_can_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganzoo.games import losses

    class Closed(losses.NonSaturating):
        def __init__(self, smoothing: float = 0.0) -> None:
            super().__init__(smoothing)
            self.own = self.smoothing
            del self.smoothing

    monkeypatch.setattr(losses, "NonSaturating", Closed)
    used = recipe(loss_options={"smoothing": 0.1}, schedules={"loss_options.smoothing": Schedule(to=0.2)})
    with pytest.raises(GanzooError, match=r"smoothing can have no schedule: .* has no attribute 'smoothing'"):
        two_player(used)


def test_by_the_command_line_and_back(tmp_path: Path) -> None:
    words = ["train", "vanilla", "--steps", "4", "--no-scores", "--set", "batch=8", "--set", "g_hidden=8,"]
    words += ["--set", "d_hidden=8,", "--set", "penalties=r1", "--set", "schedules.penalties.r1.weight.to=0"]
    words += ["--set", "schedules.penalties.r1.weight.shape=cosine"]
    assert cli.run([*words, "--out", str(tmp_path / "run")]) == 0
    run = ganzoo.load(tmp_path / "run")
    assert run.recipe.schedules == {"penalties.r1.weight": Schedule(to=0.0, shape="cosine")}
    terms = [line["d/r1"] for line in run.metrics() if "d/r1" in line]
    assert terms
    assert cli.run(["resume", str(tmp_path / "run"), "--steps", "8", "--no-scores"]) == 0
    assert torch.isfinite(run.sample(2)).all()
