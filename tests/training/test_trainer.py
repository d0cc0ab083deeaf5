"""The trainer on every small game: resume, determinism, turn order, averages, accumulation, failures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import games
import pytest
import torch
from games import GAMES, PlainRecipe
from small import moved, point_data, recipe, same, two_player
from small import trainer as two_player_trainer
from torch import Tensor, nn

from ganzoo.callbacks import Callback
from ganzoo.errors import GanzooError
from ganzoo.files import checkpoint
from ganzoo.game import GAN, Batch, Phase, Terms
from ganzoo.machine.fabric import SingleDevice
from ganzoo.recipes import Optimiser, Term
from ganzoo.runs.callbacks.sheets import draw
from ganzoo.training.trainer import Trainer


def play(trainer: Trainer, steps: int) -> Trainer:
    for _ in range(steps):
        trainer.play_step()
    return trainer


def record_updates(trainer: Trainer) -> list[tuple[int, str]]:
    """Filled with (step, phase) as the trainer plays."""
    calls: list[tuple[int, str]] = []
    update = trainer.update

    def recorded(phase: Phase) -> None:
        calls.append((trainer.progress.step, phase.name))
        update(phase)

    trainer.update = recorded  # type: ignore[method-assign]
    return calls


@pytest.mark.parametrize("game", GAMES)
def test_three_steps_a_checkpoint_file_and_three_more_end_bitwise_where_six_end(game: str, tmp_path: Path) -> None:
    straight = play(games.trainer(game), 6)
    first = play(games.trainer(game), 3)
    path = checkpoint.save(tmp_path, 3, first.state())
    second = games.trainer(game)
    second.load_state(checkpoint.load(path))
    assert second.progress.step == 3
    play(second, 3)
    assert same(second.state(), straight.state())


@pytest.mark.parametrize("game", GAMES)
def test_two_identical_trainers_end_equal(game: str) -> None:
    assert same(play(games.trainer(game), 4).state(), play(games.trainer(game), 4).state())


@pytest.mark.parametrize("game", GAMES)
def test_every_trainable_weight_of_every_player_moves_within_six_steps(game: str) -> None:
    trainer = games.trainer(game)
    before = {name: weight.detach().clone() for name, weight in trainer.gan.players.named_parameters()}
    play(trainer, 6)
    still = [name for name, weight in trainer.gan.players.named_parameters() if torch.equal(before[name], weight)]
    assert still == []


def test_another_seed_ends_elsewhere() -> None:
    trainers = [two_player_trainer(recipe(seed=seed)) for seed in (0, 1)]
    a, b = (play(trainer, 2).gan.state_dict() for trainer in trainers)
    assert not same(dict(a), dict(b))


def test_a_trainer_that_did_not_load_its_state_ends_elsewhere() -> None:
    """What makes the resume test worth something: forgetting the state shows."""
    first, second = play(games.trainer("growing"), 3), games.trainer("growing")
    second.gan.load_state_dict(first.gan.state_dict())
    assert not same(play(second, 3).state(), play(first, 3).state())


# Turn order.


def test_phases_run_exactly_when_their_rows_say() -> None:
    trainer = games.trainer("staged")
    calls = record_updates(trainer)
    play(trainer, 6)
    wanted = [(step, "pretrain") for step in range(3)]
    wanted += [(step, name) for step in range(3, 6) for name in ("d", "g")]
    assert calls == wanted


def test_a_phase_with_every_two_runs_in_every_second_step_from_the_first() -> None:
    trainer = games.trainer("triple")
    calls = record_updates(trainer)
    play(trainer, 6)
    assert [step for step, name in calls if name == "c"] == [0, 2, 4]


def test_repeats_run_within_the_step_each_on_a_batch_of_its_own() -> None:
    trainer = two_player_trainer(recipe(n_critic=3))
    calls = record_updates(trainer)
    play(trainer, 2)
    assert [name for _, name in calls] == ["d", "d", "d", "g"] * 2
    assert trainer.progress.updates == 8


def test_on_step_sees_the_steps_done_before_any_phase() -> None:
    trainer = games.trainer("growing")
    seen: list[int] = []
    trainer.gan.on_step = lambda progress: seen.append(progress.step)  # type: ignore[method-assign]
    play(trainer, 3)
    assert seen == [0, 1, 2]


@pytest.mark.parametrize(
    ("phase", "player"),
    [(phase.name, phase.player) for phase in two_player(recipe()).phases()],
)
def test_a_phase_moves_its_own_player_alone(phase: str, player: str) -> None:
    trainer = two_player_trainer(recipe())
    row = next(row for row in trainer.phases if row.name == phase)
    for name, network in trainer.gan.players.items():
        assert moved(network, lambda: trainer.update(row)) == (name == player)


def test_no_gradient_is_computed_for_the_players_whose_turn_it_is_not() -> None:
    trainer = two_player_trainer(recipe())
    for row in list(trainer.phases):
        seen: dict[str, bool] = {}

        def loss(batch: Batch, row: Phase = row, seen: dict[str, bool] = seen) -> Terms:
            seen.update({name: any(w.requires_grad for w in ws) for name, ws in trainer.updater.weights.items()})
            return row.loss(batch)

        trainer.update(replace(row, loss=loss))
        assert seen == {name: name == row.player for name in ("g", "d")}


# The games' own points.


def test_the_staged_encoder_rests_after_its_stage_and_the_gan_before() -> None:
    trainer = games.trainer("staged")
    players = trainer.gan.players
    for _ in range(3):
        g_and_d = nn.ModuleList([players["g"], players["d"]])
        encoder_moved = []
        gan_moved = moved(g_and_d, lambda seen=encoder_moved: seen.append(moved(players["encoder"], trainer.play_step)))
        assert encoder_moved == [True]
        assert not gan_moved
    for _ in range(3):
        before = {name: weight.clone() for name, weight in players["g"].state_dict().items()}
        assert not moved(players["encoder"], trainer.play_step)
        assert not same(before, dict(players["g"].state_dict()))


def test_the_growing_game_grows_in_the_middle_and_its_new_layer_learns_only_then() -> None:
    trainer = games.trainer("growing")
    generator = trainer.gan.players["g"]
    levels, learns = [], []
    for _ in range(6):
        learns.append(moved(generator.second, trainer.play_step))
        levels.append(generator.level.item())
    assert levels == [0, 0, 0, 1, 1, 1]
    assert learns == [False, False, False, True, True, True]


def test_the_average_grows_with_its_player() -> None:
    trainer = play(games.trainer("growing"), 4)
    assert trainer.gan.averages["g"].level == 1


def test_the_sequence_temperature_falls_with_the_share_of_training() -> None:
    trainer = games.trainer("sequence")
    seen = []
    for _ in range(3):
        trainer.play_step()
        seen.append(trainer.gan.temperature.item())
    assert seen == pytest.approx([1.0, 1 - 0.9 / 6, 1 - 0.9 * 2 / 6])


def test_the_frozen_network_never_changes() -> None:
    trainer = games.trainer("frozen")
    assert not moved(trainer.gan.features, lambda: play(trainer, 6))
    assert not any(weight.requires_grad for weight in trainer.gan.features.parameters())


def test_clipping_holds_after_every_update() -> None:
    trainer = games.trainer("frozen")
    largest = []
    update = trainer.update

    def checked(phase: Phase) -> None:
        update(phase)
        if phase.player == "d":
            largest.append(max(weight.abs().max().item() for weight in trainer.gan.players["d"].parameters()))

    trainer.update = checked  # type: ignore[method-assign]
    play(trainer, 3)
    assert len(largest) == 3
    assert max(largest) <= 0.05 + 1e-8


def test_the_cycle_game_trains_both_translators_and_both_judges() -> None:
    trainer = games.trainer("cycle")
    before = {name: weight.detach().clone() for name, weight in trainer.gan.players.named_parameters()}
    trainer.play_step()
    now = dict(trainer.gan.players.named_parameters())
    for part in ("generators.a_to_b", "generators.b_to_a", "d_a", "d_b"):
        assert any(not torch.equal(before[name], now[name]) for name in before if name.startswith(part)), part


def test_the_triples_classifier_lowers_its_loss() -> None:
    trainer = games.trainer("triple")
    data = point_data(classes=2)
    data.arrays["x"] = data.arrays["x"] + 3 * data.arrays["y"][:, None]
    trainer.stream.dataset.arrays = data.arrays
    batch = data.batch(torch.arange(32))
    before = trainer.gan.classify(batch)["loss"].item()
    for _ in range(60):
        trainer.update(next(phase for phase in trainer.phases if phase.name == "c"))
        trainer.progress.step = 0
    assert trainer.gan.classify(batch)["loss"].item() < before / 2


# Lazy phases.


class Linear(GAN):
    """One weight whose loss is the weight itself: its gradient is 1, and SGD with rate 1 moves it by 1."""

    def __init__(self, **row: Any) -> None:
        super().__init__({"g": nn.Linear(1, 1, bias=False)}, ema=["g"])
        nn.init.zeros_(self.players["g"].weight)
        nn.init.zeros_(self.averages["g"].weight)
        self.row = row

    def phases(self) -> list[Phase]:
        return [Phase("g", "g", lambda batch: {"loss": self.players["g"].weight.sum()}, **self.row)]


def linear(steps: int = 6, ema: float = 0.5, **row: Any) -> Trainer:
    sgd = Optimiser(name="sgd", lr=1.0)
    fabric = SingleDevice(torch.device("cpu"))
    return Trainer(Linear(**row), point_data(), PlainRecipe(g=sgd, batch=8, steps=steps, ema=ema), fabric)


def weight(trainer: Trainer, of: str = "players") -> float:
    return getattr(trainer.gan, of)["g"].weight.item()


@pytest.mark.parametrize(("every", "after"), [(1, [-1, -2, -3, -4]), (2, [-2, -2, -4, -4]), (4, [-4, -4, -4, -4])])
def test_a_lazy_phase_has_its_gradient_scaled_by_every(every: int, after: list[int]) -> None:
    trainer = linear(every=every)
    seen = []
    for _ in range(4):
        trainer.play_step()
        seen.append(weight(trainer))
    assert seen == after


def test_lazy_penalties_of_the_two_player_game_run_on_their_steps() -> None:
    used = recipe(penalties={"r1": Term(weight=1.0, every=4), "r2": Term(weight=1.0, every=2)})
    trainer = two_player_trainer(used)
    calls = record_updates(trainer)
    play(trainer, 5)
    assert [step for step, name in calls if name == "r1"] == [0, 4]
    assert [step for step, name in calls if name == "r2"] == [0, 2, 4]
    assert len([name for _, name in calls if name == "d"]) == 5


def test_a_lazy_penaltys_gradient_is_the_eager_ones_times_every() -> None:
    grads = []
    for every in (1, 4):
        trainer = two_player_trainer(recipe(penalties={"r1": Term(weight=2.0, every=every)}))
        phase = Phase("r1", "d", lambda batch, gan=trainer.gan: gan.lazy_penalty("r1", batch), every=every)
        torch.manual_seed(0)
        trainer.update(phase)
        grads.append([w.grad.clone() for w in trainer.updater.weights["d"] if w.grad is not None])
    for eager, lazy in zip(*grads, strict=True):
        torch.testing.assert_close(lazy, 4 * eager)


# Averages.


def test_averages_follow_by_hand() -> None:
    trainer = linear(ema=0.5)
    wanted = 0.0
    for step in range(5):
        trainer.play_step()
        decay = min(0.5, (step + 1) / (step + 10))
        wanted = decay * wanted + (1 - decay) * weight(trainer)
        assert weight(trainer, "averages") == pytest.approx(wanted, rel=1e-5)


def test_an_average_with_decay_zero_is_the_player() -> None:
    trainer = play(linear(ema=0.0), 3)
    assert weight(trainer, "averages") == weight(trainer)


# Accumulation.


class Regression(GAN):
    """A loss without random numbers, the mean over the batch."""

    def __init__(self) -> None:
        super().__init__({"g": games.net(2, 1)})

    def phases(self) -> list[Phase]:
        return [Phase("g", "g", lambda batch: {"loss": self.players["g"](batch["x"]).square().mean()})]


def regression(**keys: Any) -> Trainer:
    torch.manual_seed(0)
    # SGD: Adam's first step is the sign of the gradient, which would hide a wrong factor.
    used = PlainRecipe(**({"g": Optimiser(name="sgd", lr=0.1), "batch": 8, "steps": 3} | keys))
    return Trainer(Regression(), point_data(), used, SingleDevice(torch.device("cpu")))


@pytest.mark.parametrize("parts", [2, 4, 8])
def test_accumulated_parts_move_as_the_whole_batch_does(parts: int) -> None:
    whole, cut = play(regression(), 3), play(regression(accumulate=parts), 3)
    for a, b in zip(whole.gan.parameters(), cut.gan.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)
    assert cut.read_log() == pytest.approx(whole.read_log(), rel=1e-5)


def test_accumulation_draws_each_sample_of_the_batch_once() -> None:
    trainer = regression(accumulate=4)
    seen: list[Tensor] = []
    loss = trainer.phases[0].loss
    trainer.phases[0] = replace(trainer.phases[0], loss=lambda batch: seen.append(batch["x"]) or loss(batch))
    trainer.play_step()
    assert len(seen) == 4
    assert torch.equal(torch.cat(seen), trainer.stream.batch(0)["x"])


def test_a_batch_that_cannot_be_cut_is_refused_with_one_that_can() -> None:
    with pytest.raises(GanzooError, match=r"batch=9 cannot be split into 4 equal parts.*--set batch=12"):
        regression(batch=9, accumulate=4)


# The log, and failures.


def test_terms_without_gradient_are_logged_and_not_minimised() -> None:
    class Watched(Linear):
        def phases(self) -> list[Phase]:
            weight = self.players["g"].weight
            return [Phase("g", "g", lambda batch: {"loss": weight.sum(), "seen": torch.tensor(5.0)})]

    used = PlainRecipe(g=Optimiser(name="sgd", lr=1.0), batch=8, steps=6)
    trainer = play(Trainer(Watched(), point_data(), used, SingleDevice(torch.device("cpu"))), 2)
    assert weight(trainer) == -2
    assert trainer.read_log() == {"g/loss": -0.5, "g/seen": 5.0}


def test_the_log_starts_anew_after_it_was_read() -> None:
    trainer = play(linear(), 2)
    assert trainer.read_log() == {"g/loss": -0.5}
    assert trainer.read_log() == {}
    assert play(trainer, 1).read_log() == {"g/loss": -2.0}


def test_fit_plays_to_the_last_step_and_logs_every_so_often_and_at_the_end() -> None:
    class Notes(Callback):
        def __init__(self) -> None:
            self.notes: list[Any] = []

        def on_start(self, trainer: Trainer) -> None:
            self.notes.append("start")

        def on_step(self, trainer: Trainer) -> None:
            self.notes.append(trainer.progress.step)

        def on_log(self, trainer: Trainer, values: dict[str, float]) -> None:
            self.notes.append(("log", sorted(values)))

        def on_end(self, trainer: Trainer) -> None:
            self.notes.append("end")

    trainer = linear(steps=5)
    notes = Notes()
    trainer.callbacks, trainer.log_every = [notes], 2
    trainer.fit()
    log = ("log", ["g/loss"])
    assert notes.notes == ["start", 1, log, 2, 3, log, 4, log, 5, "end"]


def test_a_requested_stop_finishes_the_step_under_way() -> None:
    class Stop(Callback):
        def on_step(self, trainer: Trainer) -> None:
            trainer.stop_requested = trainer.progress.step == 2

    trainer = linear()
    trainer.callbacks = [Stop()]
    trainer.fit()
    assert trainer.progress.step == 2
    assert weight(trainer) == -2


def test_pictures_drawn_in_between_change_nothing() -> None:
    used = recipe(spectral_norm=True)
    plain, drawn = two_player_trainer(used), two_player_trainer(used)
    for _ in range(4):
        plain.play_step()
        drawn.play_step()
        assert draw(drawn) is not None
    assert same(plain.state(), drawn.state())


def test_the_rate_of_a_schedule_is_set_before_each_update() -> None:
    trainer = linear(steps=4)
    scheduled = Optimiser(name="sgd", lr=1.0, schedule="linear")
    trainer.updater.recipe = replace(trainer.recipe, g=scheduled)  # type: ignore[call-arg]
    play(trainer, 4)
    assert weight(trainer) == pytest.approx(-(1 + 2 / 3 + 1 / 3 + 0))
