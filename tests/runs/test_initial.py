"""Fine-tuning: training starts from the weights of another run, and the run says which."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from same_runs import compare
from small import SMALL

import ganzoo
from ganzoo.api import planning
from ganzoo.api.planning import build, plan
from ganzoo.cli import run as typed
from ganzoo.errors import GanzooError
from ganzoo.files import checkpoint
from ganzoo.game import GAN
from ganzoo.runs import initial
from ganzoo.runs.initial import Init, Initialised
from ganzoo.runs.run import Run

QUICK: dict[str, Any] = {"dataset": "digits", "progress": False, "device": "cpu", "set": SMALL | {"batch": "8"}}


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run whose averaged weights differ from the others, its best state, and its exported generator."""
    folder = tmp_path_factory.mktemp("source")
    ganzoo.train("vanilla", steps=3, eval_every=1, out=str(folder / "run"), **QUICK)
    ganzoo.export(folder / "run", folder / "g.safetensors")
    return folder


def started(
    source: str | Path, players: tuple[str, ...] = (), raw: bool = False, **keys: Any
) -> tuple[GAN, Initialised]:
    """A new game on the digits with the weights of a source."""
    made = plan("vanilla", dataset="digits", seed=7, set=SMALL | keys)
    gan = build(made, ganzoo.load(Path(source).parent / "run").data)
    return gan, initial.initialise(gan, Init(str(source), players, raw))


def weights(gan: GAN, player: str, averaged: bool = False) -> torch.Tensor:
    network = (gan.averages if averaged else gan.players)[player]
    return torch.cat([weight.detach().flatten() for weight in network.parameters()])


def test_a_run_gives_its_averaged_generator_and_its_discriminator(source: Path) -> None:
    before, (gan, done) = Run.open(source / "run").gan, started(source / "run")
    assert torch.equal(weights(gan, "g"), weights(before, "g", averaged=True))
    assert not torch.equal(weights(gan, "g"), weights(before, "g"))
    assert torch.equal(weights(gan, "g", averaged=True), weights(gan, "g"))
    assert torch.equal(weights(gan, "d"), weights(before, "d"))
    assert done.record["players"]["g"] == {"weights": "averaged", "kept": 4, "fresh": []}


def test_raw_weights_and_players_can_be_chosen(source: Path) -> None:
    before, (gan, _) = Run.open(source / "run").gan, started(source / "run", ("g",), raw=True)
    assert torch.equal(weights(gan, "g"), weights(before, "g"))
    assert torch.equal(weights(gan, "g", averaged=True), weights(before, "g"))
    assert not torch.equal(weights(gan, "d"), weights(before, "d"))


def test_a_checkpoint_a_best_state_and_an_exported_file_are_read(source: Path) -> None:
    run = Run.open(source / "run")
    file = run.checkpoints / checkpoint.file_name(3)
    assert torch.equal(weights(started(source / "run")[0], "g"), weights(started_from_file(file, run), "g"))
    assert torch.equal(weights(started(f"{source}/run@best")[0], "d"), weights(run.best().gan, "d"))
    exported, done = started(source / "g.safetensors")
    assert torch.equal(weights(exported, "g"), weights(run.gan, "g", averaged=True))
    assert done.lines[-1] == "freshly initialised: all of d"


def started_from_file(file: Path, run: Run) -> GAN:
    gan = build(plan("vanilla", dataset="digits", seed=7, set=SMALL), run.data)
    initial.initialise(gan, Init(str(file)))
    return gan


def test_what_does_not_fit_keeps_its_random_weights_and_is_named(source: Path) -> None:
    fresh = build(plan("vanilla", dataset="digits", seed=7, set=SMALL | {"latent": "6"}), Run.open(source / "run").data)
    gan, done = started(source / "run", latent="6")
    assert "g: freshly initialised: body.0.weight (8x6, there 8x4)" in "\n".join(done.lines)
    assert done.record["players"]["g"]["fresh"] == ["body.0.weight"]
    assert torch.equal(gan.state_dict()["players.g.body.0.weight"], fresh.state_dict()["players.g.body.0.weight"])
    assert torch.equal(weights(gan, "d"), weights(Run.open(source / "run").gan, "d"))


@pytest.mark.parametrize(
    ("named", "players", "raw", "line"),
    [
        ("nothing", (), False, "does not exist: --init-from takes a run folder"),
        ("run/samples.png", (), False, "has no weights to start from"),
        ("run", ("q",), False, "unknown player 'q'"),
        ("g.safetensors", ("d",), False, "has no weights of d (it has g)"),
        ("g.safetensors", (), True, "holds averaged weights only"),
        ("alone.pt", (), False, "has no alone.json beside it"),
    ],
)
def test_mistakes_are_one_line(source: Path, named: str, players: tuple[str, ...], raw: bool, line: str) -> None:
    (source / "alone.pt").write_bytes(b"")
    with pytest.raises(GanzooError) as raised:
        initial.initialise(Run.open(source / "run").gan, Init(str(source / named), players, raw))
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def changed(source: Path, folder: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Init:
    """The newest checkpoint of the run with other weights."""
    state = checkpoint.newest(source / "run" / "checkpoints")[1]
    folder.mkdir()
    return Init(str(checkpoint.save(folder, 3, state | {"gan": change(state["gan"])})))


def test_nothing_that_fits_is_an_error(source: Path, tmp_path: Path) -> None:
    init = changed(
        source, tmp_path / "c", lambda gan: {name.replace("body", "trunk"): value for name, value in gan.items()}
    )
    with pytest.raises(GanzooError, match=r"no weight in .* fits"):
        initial.initialise(Run.open(source / "run").gan, init)


def test_weights_that_are_not_finite_are_refused(source: Path, tmp_path: Path) -> None:
    init = changed(source, tmp_path / "c", lambda gan: gan | {"players.d.body.0.weight": torch.full((8, 64), math.nan)})
    with pytest.raises(GanzooError, match=r"body\.0\.weight of d are not finite"):
        initial.initialise(Run.open(source / "run").gan, init)


def test_the_run_records_its_start_and_resumes_bit_for_bit_without_the_source(source: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(source / "run", tmp_path / "source")
    options = QUICK | {"init_from": copy, "keep": 9, "save_every": 2, "set": QUICK["set"] | {"freeze": "d.body.0.*"}}
    whole = ganzoo.train("vanilla", steps=4, out=str(tmp_path / "whole"), **options)
    record = whole.info["initialised"]
    assert record["sha256"] == Run.open(copy).digest()
    assert (record["source"], record["step"], record["variant"]) == (str(copy), 3, "vanilla")
    shutil.rmtree(copy)
    # As it is after a kill right after the start.
    cut = shutil.copytree(whole.path, tmp_path / "cut")
    for step in (2, 4):
        checkpoint.remove(cut / "checkpoints" / checkpoint.file_name(step))
    ganzoo.resume(cut, keep=9)
    assert not compare(whole.path, cut).differences
    first = checkpoint.load(whole.checkpoints / checkpoint.file_name(0))["gan"]["players.d.body.0.weight"]
    assert torch.equal(first, whole.gan.state_dict()["players.d.body.0.weight"])


def test_a_run_without_its_first_weights_cannot_be_resumed(source: Path, tmp_path: Path) -> None:
    run = ganzoo.train("vanilla", steps=1, out=str(tmp_path / "run"), init_from=source / "run", **QUICK)
    shutil.rmtree(run.checkpoints)
    with pytest.raises(GanzooError, match="before the weights that it starts from were saved"):
        ganzoo.resume(run.path)


def test_repeating_such_a_run_says_that_its_start_is_not_repeated(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "recipe.json"
    info = json.loads((source / "run" / "recipe.json").read_text("utf-8"))
    file.write_text(json.dumps(info | {"initialised": {"source": "runs/old\n-1"}}), "utf-8")
    planning.plan("vanilla", recipe=file)
    assert "started from the weights of runs/old?-1: add --init-from" in caplog.text


def test_the_command_line_says_what_is_kept(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--init-from", str(source / "run"), "--freeze", "d.body.0.*", "--dry-run"]
    keys = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    assert typed(["train", "vanilla", "--dataset", "digits", *keys, *arguments]) == 0
    out = capsys.readouterr().out
    assert "  g: kept 4 of 4 tensors, " in out
    assert "freeze = d.body.0.*" in out
    assert typed(["train", "vanilla", "--init-raw", "--dry-run"]) == 2
    assert "--init-raw needs --init-from" in capsys.readouterr().err
