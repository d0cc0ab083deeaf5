"""Sessions: playing by hand leaves what `train` and `resume` would have left, and looking changes nothing."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import ganzoo
from ganzoo.api.session import Session
from ganzoo.cli import run as command_line
from ganzoo.errors import GanzooError, TrainingError
from ganzoo.files import checkpoint
from ganzoo.files.lock import Locked
from ganzoo.runs import plane

SMALL: dict[str, Any] = {"batch": 8, "g_hidden": [8], "d_hidden": [8]}
RARELY = {"sample_every": 100, "save_every": 100}
POINTS: dict[str, Any] = {"dataset": "points", "progress": False, "scores": False, **RARELY}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def started(steps: int = 6, **options: Any) -> Session:
    values = SMALL | options.pop("set", {})
    return Session(ganzoo.plan("vanilla", steps=steps, set=values, **(POINTS | options)))


def weights(session: Session) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in session.gan.state_dict().items()}


def saved(run: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = checkpoint.newest(run / "checkpoints")[1]["gan"]
    return state


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_changed_session_is_a_resumed_run_bit_for_bit() -> None:
    with started() as session:
        session.play_step(2)
        session.change({"g.lr": "0.01", "penalties": "r1", "loss": "hinge"})
        session.play_step(3)
        played = weights(session)
    ganzoo.train("vanilla", steps=2, out="other", set=SMALL, **POINTS)
    changed = {"g.lr": 0.01, "penalties": "r1", "loss": "hinge"}
    run = ganzoo.resume("other", steps=5, set=changed, progress=False)
    assert same(played, saved(run.path))
    assert same(played, saved(session.path))


def test_the_commands_repeat_the_session() -> None:
    with started(set={"d.lr": 3e-3, "seed": 5}) as session:
        session.play_step(2)
        session.change({"g.lr": 1e-2, "penalties": "r1"})
        session.play_step(2)
        session.change({"penalties": "none"})
        session.play_step(1)
        commands, played = session.commands(), weights(session)
    assert len(commands) == 3
    for command in commands:
        words = shlex.split(command.replace(str(session.path), "again"))
        assert words[0] == "ganzoo"
        assert command_line([*words[1:], "--no-scores"]) == 0
    assert same(played, saved(Path("again")))


def test_a_session_starts_from_the_weights_that_it_was_given_and_goes_back_to_them() -> None:
    source = ganzoo.train("vanilla", steps=3, out="source", set=SMALL | {"ema": 0.5}, **POINTS)
    with started(init_from=source, set={"ema": 0.5}) as session:
        first = weights(session)
        averaged = checkpoint.newest(source.checkpoints)[1]["gan"]["averages.g.body.0.weight"]
        assert torch.equal(first["players.g.body.0.weight"], averaged)
        session.play_step(2)
        played, commands = weights(session), session.commands()
        session.back(0)
        assert same(first, weights(session))
        with Session(session.again({"g.lr": 0.1})) as again:
            assert same(first, weights(again))
    words = shlex.split(commands[0].replace(str(session.path), "repeated"))
    assert command_line([*words[1:], "--no-scores"]) == 0
    assert same(played, saved(Path("repeated")))


@pytest.mark.parametrize("steps", [0, 3])
def test_a_session_that_is_changed_and_closed_while_it_is_paused_keeps_its_step(steps: int) -> None:
    with started() as session:
        session.play_step(3)
        session.change({"g.lr": 1e-2})
        session.play_step(steps)
        kept, at = weights(session), session.step
    assert same(kept, saved(session.path))
    with Session.resume(session.path, progress=False) as resumed:
        assert (resumed.step, resumed.recipe.g.lr) == (at, 1e-2)
        assert same(kept, weights(resumed))


def test_a_session_compiles_its_networks() -> None:
    # Nothing is compiled before the first call.
    session = started(compile=True)
    session.lock.release()
    assert all(player._compiled_call_impl is not None for player in session.gan.players.values())


def test_a_phase_by_hand_moves_its_player_alone_and_is_recorded() -> None:
    with started() as session:
        session.play_step()
        before = weights(session)
        session.play_phase("d")
        after = weights(session)
        moved = {name for name in after if not torch.equal(before[name], after[name])}
        assert moved
        assert all(name.startswith("players.d.") for name in moved)
        assert session.step == 1
        assert session.run.info["by_hand"] == [{"step": 1, "phase": "d"}]
        assert any("played by hand" in line for line in session.commands())
        with pytest.raises(GanzooError, match="unknown phase 'x': available: d, g"):
            session.play_phase("x")


def test_two_moves_by_hand_see_other_random_numbers() -> None:
    moves = []
    with started() as session:
        for _ in range(2):
            before = weights(session)
            session.play_phase("g")
            moves.append({name: value - before[name] for name, value in weights(session).items()})
    assert not same(*moves)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"latent": 3}, "latent cannot change in a run"),
        ({"g.lrr": 1}, "unknown recipe key 'g.lrr': did you mean g.lr"),
        ({"g.lr": "-1"}, "expected a number above 0"),
    ],
)
def test_a_refused_change_changes_nothing(values: dict[str, Any], message: str) -> None:
    with started() as session, started() as other:
        for each in (session, other):
            each.play_step(2)
        before = session.run.info["recipe"]
        with pytest.raises(GanzooError, match=message):
            session.change(values)
        assert session.run.info["recipe"] == before
        assert "changes" not in session.run.info
        for each in (session, other):
            each.play_step(2)
        assert same(weights(session), weights(other))


def test_going_back_undoes_steps_changes_and_logs() -> None:
    with started(log_every=1) as session:
        start = weights(session)
        session.play_step(2)
        session.save()
        at_two = weights(session)
        session.change({"g.lr": 0.5})
        session.play_step(2)
        session.save()
        session.play_phase("g")
        with pytest.raises(GanzooError, match="no checkpoint of step 3: go back to step 0, 2, 4"):
            session.back(3)
        session.back(2)
        assert session.step == 2
        assert same(weights(session), at_two)
        assert session.recipe.g.lr == 1e-3
        assert session.run.info["changes"] == []
        assert [record["step"] for record in session.run.metrics()] == [1, 2]
        assert session.saved_steps() == [0, 2]
        session.back()
        assert same(weights(session), start)
        session.play_step(2)
        assert same(weights(session), at_two)


def test_looking_changes_nothing() -> None:
    with started() as session, started() as other:
        for _ in range(3):
            session.snapshot()
            session.plane()
            explorer = session.explorer()
            assert explorer is not None
            explorer.samples(explorer.on_walk(1, 0.5), moves={0: 2.0})
            session.play_step()
            other.play_step()
        assert same(weights(session), weights(other))
        assert session.snapshot().step == 3


def test_the_plane_shows_what_the_game_computes() -> None:
    with started(set={"loss": "least-squares"}) as session:
        session.play_step(3)
        seen = session.plane()
        assert seen is not None
        assert seen.logits is not None
        assert seen.pushes is not None
        game: Any = session.gan.eval()
        left, right, bottom, top = seen.bounds
        cell = (right - left) / plane.CELLS
        # The cell in the third row from the bottom and the sixth column.
        centre = torch.tensor([[left + 5.5 * cell, bottom + 2.5 * (top - bottom) / plane.CELLS]])
        assert seen.logits[2, 5] == pytest.approx(game.judge(centre).item(), abs=1e-5)

        def loss(x: Tensor) -> float:
            return float(game.loss.generator(game.judge(x), torch.zeros(0)))

        # The push on the first sample by central differences of G's loss.
        for axis in range(2):
            step = torch.zeros(plane.PUSHED, 2)
            step[0, axis] = 1e-2
            fake = seen.fake[: plane.PUSHED]
            slope = (loss(fake + step) - loss(fake - step)) / 2e-2
            assert seen.pushes[0, axis] == pytest.approx(-plane.PUSHED * slope, rel=0.05, abs=1e-3)


def test_the_latent_grid_is_where_the_generator_puts_its_corners() -> None:
    with started(set={"latent": 3}) as session:
        seen = session.plane()
        assert seen is not None
        assert seen.grid is not None
        game: Any = session.gan.eval()
        corner = game.generator(torch.tensor([[-2.0, 2.0, 0.0]]))[0]
        assert torch.allclose(seen.grid[0, -1], corner, atol=1e-6)


def test_a_number_that_is_not_finite_stops_the_session_and_gives_a_hint() -> None:
    with started(set={"g.lr": 1e30, "d.lr": 1e30}) as session:
        with pytest.raises(TrainingError, match=r"became (nan|inf)"):
            session.play_step(6)
        (hint,) = session.hints()
        assert hint["name"] == "non-finite"
        assert hint["suggestions"] == [{"g.lr": "0.001", "d.lr": "0.001"}]
        assert session.again(hint["suggestions"][0]).recipe.g.lr == 1e-3


def test_a_folder_has_one_session_which_can_be_resumed() -> None:
    session = started()
    session.play_step(2)
    played = weights(session)
    with pytest.raises(Locked):
        Session.resume(session.path)
    session.close()
    session.close()
    with pytest.raises(GanzooError, match="is closed"):
        session.play_step()
    assert (session.path / "samples.png").exists()
    with Session.resume(session.path, progress=False) as again:
        assert again.step == 2
        assert same(weights(again), played)
        assert again.play_step(10) == 4
        assert again.finished
        again.change({"steps": 8})
        assert again.play_step(10) == 2


def test_after_the_last_step_the_run_is_complete_before_it_is_closed() -> None:
    with started(steps=3) as session:
        session.play_step(2)
        assert not (session.path / "samples.png").exists()
        session.play_step(5)
        assert {"samples.png", "training.gif", "losses.png"} <= {path.name for path in session.path.iterdir()}
        assert session.saved_steps() == [0, 3]
        before = (session.path / "samples.png").stat().st_mtime_ns
    assert (session.path / "samples.png").stat().st_mtime_ns == before


def test_a_session_plays_on_one_device() -> None:
    with pytest.raises(GanzooError, match="a session plays on one device"):
        started(devices=2)


def test_explorer_draws_what_the_run_draws(conditional_run: Path) -> None:
    run = ganzoo.load(conditional_run)
    explorer = run.explorer()
    assert explorer is not None
    z = explorer.latents(3, 2)
    y = torch.tensor([4, 4])
    with run.gan.for_sampling():
        wanted = run.gan.generate(z, y)  # type: ignore[operator]
    assert torch.equal(explorer.samples(z, y), wanted.clamp(-1, 1))
    assert torch.equal(explorer.on_walk(3, 0.0), explorer.latents(3))
    half = explorer.on_walk(3, 0.5)
    assert not torch.equal(half, explorer.latents(3))
    moved = explorer.samples(z, y, moves={0: 3.0})
    directions = explorer.directions
    assert directions is not None
    step = 3.0 * directions.deviations[0] * directions.vectors[0]
    assert torch.allclose(moved, explorer.samples(z + step, y), atol=1e-5)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("My photos", "dcgan-My-photos"),
        ("sub/faces/", "dcgan-faces"),
        ("写真", "dcgan-folder"),
        # Of some data sets the value is no path.
        ("digits:0,1", "dcgan-folder"),
    ],
)
def test_runs_of_own_data_are_named_after_the_folder(path: str, name: str) -> None:
    if ":" not in path:
        Path(path).mkdir(parents=True)
    made = ganzoo.plan("dcgan.folder", set={"data.path": path})
    assert made.run_name == name
    assert ganzoo.plan("dcgan").run_name == "dcgan-digits"
